import { Backoff } from './backoff.js';
import { passed } from './passed.js';

const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

/** Work that has to be done some time: tried again, ever more patiently, until it is done or its owner ends. */
export class Retries implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #underWay = new Set<Promise<void>>();

  /** Resolves after the first attempt, even when it failed and others follow in the background. `onFailure` hears of each. */
  async attempt(work: () => Promise<void>, onFailure: (error: unknown) => void): Promise<void> {
    const worked = async (): Promise<boolean> => {
      try {
        await work();
        return true;
      } catch (error) {
        onFailure(error);
        return false;
      }
    };
    if (await worked()) return;
    const others = this.#repeat(worked).finally(() => this.#underWay.delete(others));
    this.#underWay.add(others);
  }

  /** Begins no attempt any more and waits for those under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#underWay);
  }

  async #repeat(worked: () => Promise<boolean>): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff(firstPauseMs, longestPauseMs);
    for (;;) {
      await passed(backoff.next(), signal);
      if (signal.aborted || (await worked())) return;
    }
  }
}
