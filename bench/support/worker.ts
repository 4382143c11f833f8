import { on } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { orAborted } from '../../src/core/deferred.js';
import { Child } from './child.js';

const reportMs = 60_000;

/** One of the small programs in bench/programs, in a process of its own. */
export class Worker implements AsyncDisposable {
  readonly #child: Child;
  readonly #reports: AsyncIterator<unknown, unknown>;
  readonly #signal: AbortSignal;

  constructor(name: string, settings: object, signal: AbortSignal) {
    const file = fileURLToPath(new URL(`../programs/${name}.js`, import.meta.url));
    this.#child = new Child(name, process.execPath, [file, JSON.stringify(settings)], { ipc: true });
    this.#reports = on(this.#child.process, 'message');
    this.#signal = signal;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The next report, which must be of this form. Throws when the program ends without one. */
  async next<T>(schema: z.ZodType<T>): Promise<T> {
    const end = this.#child.closed.then(() => {
      throw this.#child.ended();
    });
    const { value } = await this.#patiently(Promise.race([this.#reports.next(), end]));
    const [report] = z.tuple([schema], z.unknown()).parse(value);
    return report;
  }

  async #patiently<T>(work: Promise<T>): Promise<T> {
    const patience = AbortSignal.timeout(reportMs);
    try {
      return await orAborted(work, AbortSignal.any([this.#signal, patience]));
    } catch (error) {
      if (!patience.aborted) throw error;
      throw new Error(`${this.#child.name} did not report within ${reportMs / 1000} s.`, { cause: error });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}
