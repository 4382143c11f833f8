import { fork } from 'node:child_process';
import { on } from 'node:events';
import { z } from 'zod';
import { Program } from './program.js';
import type { ConsumerSettings, ProducerSettings } from './protocol.js';

/** One of the demo's two applications, in a process of its own. */
export class Application implements AsyncDisposable {
  readonly #program: Program;
  /** Holds the reports until somebody asks for them. */
  readonly #reports: AsyncIterator<unknown, unknown>;

  private constructor(file: string, settings: object, stop: AbortController) {
    // Nothing may throw once there is a process that nobody owns yet.
    stop.signal.throwIfAborted();
    const child = fork(new URL(file, import.meta.url), [JSON.stringify(settings)], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#program = new Program(`The ${file.replace('.js', '')}`, child, stop);
    this.#reports = on(child, 'message', { signal: stop.signal });
  }

  static producer(settings: ProducerSettings, stop: AbortController): Application {
    return new Application('producer.js', settings, stop);
  }

  static consumer(settings: ConsumerSettings, stop: AbortController): Application {
    return new Application('consumer.js', settings, stop);
  }

  get pid(): number | undefined {
    return this.#program.pid;
  }

  /** The next report, which must be of this form. */
  async next<T>(schema: z.ZodType<T>): Promise<T> {
    const { value } = await this.#reports.next();
    const [report] = z.tuple([schema], z.unknown()).parse(value);
    return report;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]();
  }
}
