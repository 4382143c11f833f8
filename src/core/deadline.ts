import { SciStreamError } from './errors.js';

/**
 * Aborts after `ms`, or when one of `others` does. Not made of AbortSignal.timeout and AbortSignal.any: Node 20 may collect the
 * first as garbage, so that it never comes, and keeps something of the second for as long as one of `others` lives.
 */
export class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #others: readonly AbortSignal[];
  readonly #controller = new AbortController();
  #expired = false;

  /** `ms` may be Infinity. */
  constructor(ms: number, ...others: readonly (AbortSignal | undefined)[]) {
    const controller = this.#controller;
    this.signal = controller.signal;
    this.#others = others.filter((other) => other !== undefined);
    for (const other of this.#others) {
      if (other.aborted) controller.abort(other.reason);
      else other.addEventListener('abort', this.#onAbort);
    }
    if (ms !== Infinity) {
      this.#timer = setTimeout(() => {
        this.#expired = true;
        controller.abort(new SciStreamError('TIMEOUT', `This did not happen within ${ms} ms.`));
      }, ms);
      this.#timer.unref();
    }
  }

  /** The time was over first. */
  get expired(): boolean {
    return this.#expired;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const other of this.#others) other.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = ({ target }: Event): void => {
    if (target instanceof AbortSignal) this.#controller.abort(target.reason);
  };
}
