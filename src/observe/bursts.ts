import { systemClock, type Clock } from '../core/clock.js';

const quietMs = 5_000;

/**
 * For what a stranger can cause thousands of times a second: the first one is written at once, those of the next five
 * seconds as one line that says how many more there were.
 */
export class Bursts<T> implements Disposable {
  readonly #write: (example: T, leftOut: number) => void;
  readonly #clock: Clock;
  #last: T | undefined;
  #leftOut = 0;
  #quiet: Disposable | undefined;

  constructor(write: (example: T, leftOut: number) => void, clock = systemClock) {
    this.#write = write;
    this.#clock = clock;
  }

  /** `times`: how many there were that the example stands for. */
  add(example: T, times = 1): void {
    if (this.#quiet) {
      this.#last = example;
      this.#leftOut += times;
      return;
    }
    this.#write(example, times - 1);
    this.#rest();
  }

  /** Writes what was left out so far. */
  [Symbol.dispose](): void {
    this.#quiet?.[Symbol.dispose]();
    this.#quiet = undefined;
    this.#flush();
  }

  #rest(): void {
    this.#quiet = this.#clock.after(quietMs, () => {
      this.#quiet = undefined;
      if (this.#flush()) this.#rest();
    });
  }

  #flush(): boolean {
    if (this.#last === undefined) return false;
    // The last one stands for itself; the others are counted.
    this.#write(this.#last, this.#leftOut - 1);
    this.#last = undefined;
    this.#leftOut = 0;
    return true;
  }
}
