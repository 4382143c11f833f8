import { SciStreamError } from './errors.js';

/**
 * Aborts after `ms`, or when one of `others` does. Not made of AbortSignal.timeout: combined by AbortSignal.any, Node 20 may
 * collect that one as garbage, and it never comes.
 */
export class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;
  #expired = false;

  /** `ms` may be Infinity. */
  constructor(ms: number, ...others: readonly (AbortSignal | undefined)[]) {
    const controller = new AbortController();
    if (ms !== Infinity) {
      this.#timer = setTimeout(() => {
        this.#expired = true;
        controller.abort(new SciStreamError('TIMEOUT', `This did not happen within ${ms} ms.`));
      }, ms);
      this.#timer.unref();
    }
    this.signal = AbortSignal.any([controller.signal, ...others.filter((other) => other !== undefined)]);
  }

  /** The time was over first. */
  get expired(): boolean {
    return this.#expired;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
