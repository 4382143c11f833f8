/** Something that is to happen; `cancel` keeps it from happening. */
export interface Timer {
  cancel(): void;
}

interface Entry extends Timer {
  readonly at: number;
  run: (() => void) | undefined;
}

/** What one loop has to do at a given time, in a binary heap by time. Times are milliseconds of the loop's clock. */
export class Timers {
  readonly #heap: Entry[] = [];

  at(time: number, run: () => void): Timer {
    const entry: Entry = {
      at: time,
      run,
      cancel() {
        this.run = undefined;
      },
    };
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    return entry;
  }

  /** Milliseconds until the next one; -1 when there is none. */
  timeout(now: number): number {
    for (let first = this.#heap[0]; first; first = this.#heap[0]) {
      if (first.run) return Math.max(0, Math.ceil(first.at - now));
      this.#removeFirst();
    }
    return -1;
  }

  /** What one throws goes to `onError` and does not keep the others from running. */
  runDue(now: number, onError: (error: unknown) => void): void {
    for (let first = this.#heap[0]; first && first.at <= now; first = this.#heap[0]) {
      this.#removeFirst();
      try {
        first.run?.();
      } catch (error) {
        onError(error);
      }
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(index: number): void {
    for (let child = index; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!this.#swapUnlessOrdered(parent, child)) return;
      child = parent;
    }
  }

  #sink(): void {
    for (let parent = 0; ;) {
      const left = 2 * parent + 1;
      const [a, b] = [this.#heap[left], this.#heap[left + 1]];
      if (!a) return;
      const child = b && b.at < a.at ? left + 1 : left;
      if (!this.#swapUnlessOrdered(parent, child)) return;
      parent = child;
    }
  }

  #swapUnlessOrdered(parent: number, child: number): boolean {
    const [above, below] = [this.#heap[parent], this.#heap[child]];
    if (!above || !below || above.at <= below.at) return false;
    this.#heap[parent] = below;
    this.#heap[child] = above;
    return true;
  }
}
