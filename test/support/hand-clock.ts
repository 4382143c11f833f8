import type { Clock } from '../../src/core/clock.js';

interface Timer {
  readonly due: number;
  readonly action: () => void;
}

/** Time that passes by hand. */
export class HandClock implements Clock {
  readonly #timers = new Set<Timer>();
  #now = 0;

  /** Timers that have neither fired nor been disposed. */
  get armed(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, action: () => void): Disposable {
    const timer = { due: this.#now + ms, action };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  /** Fires what is due within so many milliseconds, the earliest first. */
  pass(ms: number): void {
    const end = this.#now + ms;
    for (let timer = this.#next(end); timer; timer = this.#next(end)) {
      this.#timers.delete(timer);
      this.#now = timer.due;
      timer.action();
    }
    this.#now = end;
  }

  #next(end: number): Timer | undefined {
    return [...this.#timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
  }
}
