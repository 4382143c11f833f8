/** Delays that double from `first` to `longest` milliseconds, so that a failing thing is retried ever more patiently. */
export class Backoff {
  readonly #first: number;
  readonly #longest: number;
  #next: number;

  constructor(first: number, longest: number) {
    this.#first = first;
    this.#longest = longest;
    this.#next = first;
  }

  /** The delay before the next attempt. */
  next(): number {
    const delay = this.#next;
    this.#next = Math.min(delay * 2, this.#longest);
    return delay;
  }

  /** The thing works again: the next failure starts from the first delay. */
  reset(): void {
    this.#next = this.#first;
  }
}
