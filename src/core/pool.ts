/**
 * Things that are costly to make, kept for the next user. What nobody needed between two calls of `trim` is let go, so that a
 * pool is as large as the load of the last moments.
 */
export class Pool<T> {
  readonly #free: (item: T) => void;
  readonly #spare: T[] = [];
  readonly #most: number;
  /** Fewest that were spare since the last trim: so many have not been needed. */
  #unneeded = 0;

  /** `most`: what is beyond is freed at once. */
  constructor(most: number, free: (item: T) => void) {
    this.#most = most;
    this.#free = free;
  }

  take(): T | undefined {
    const item = this.#spare.pop();
    this.#unneeded = Math.min(this.#unneeded, this.#spare.length);
    return item;
  }

  give(item: T): void {
    if (this.#spare.length < this.#most) this.#spare.push(item);
    else this.#free(item);
  }

  trim(): void {
    for (const item of this.#spare.splice(0, this.#unneeded)) this.#free(item);
    this.#unneeded = this.#spare.length;
  }

  /** Frees all. */
  clear(): void {
    for (const item of this.#spare.splice(0)) this.#free(item);
    this.#unneeded = 0;
  }
}
