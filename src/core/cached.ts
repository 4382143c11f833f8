import type { Clock } from './clock.js';

/** What is costly to find out: asked once for all who want to know at the same time, and kept for a while. */
export class Cached<T> {
  readonly #find: () => Promise<T>;
  readonly #keepMs: (value: T) => number;
  readonly #clock: Clock;
  #answer: Promise<T> | undefined;

  /** `keepMs`: how long a value may be told again, in milliseconds. A failure to find one is not kept. */
  constructor(find: () => Promise<T>, keepMs: (value: T) => number, clock: Clock) {
    this.#find = find;
    this.#keepMs = keepMs;
    this.#clock = clock;
  }

  get(): Promise<T> {
    return (this.#answer ??= this.#ask());
  }

  #ask(): Promise<T> {
    const answer = this.#find();
    const forget = (): void => {
      this.#answer = undefined;
    };
    // By a timer: the time of day may be set back.
    answer.then((value) => this.#clock.after(this.#keepMs(value), forget), forget);
    return answer;
  }
}
