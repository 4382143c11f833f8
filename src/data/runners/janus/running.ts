import { Backoff } from '../../../core/backoff.js';
import { Deferred } from '../../../core/deferred.js';
import { messageOf, toSciStreamError, SciStreamError } from '../../../core/errors.js';
import type { Job, Running } from '../runner.js';
import type { JanusApi } from './api.js';
import { hasEnded, signalContainer, type Container } from './container.js';
import { LogTail } from './log-tail.js';
import { problemsOf } from './shapes.js';

export interface WatchOptions {
  readonly api: JanusApi;
  readonly container: Container;
  readonly job: Job;
  /** Milliseconds between two looks once it has run for a while. */
  readonly pollMs: number;
  /** Ends the session. */
  readonly end: () => Promise<void>;
}

const lastLines = 3;

/** A container that Janus has started: looked at now and then, as nobody tells us when it ends. */
export class JanusRunning implements Running {
  readonly ended: Promise<string>;
  readonly #options: WatchOptions;
  readonly #ended = new Deferred<string>();
  readonly #disposed = new AbortController();
  readonly #logs = new LogTail();
  /** What fails at all fails soon: the first looks come quickly. */
  readonly #pauses: Backoff;
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> = Promise.resolve();
  #printed: string[] = [];
  #disposal: Promise<void> | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.ended = this.#ended.promise;
    this.#pauses = new Backoff(Math.min(500, options.pollMs), options.pollMs);
    this.#schedule();
  }

  async signal(name: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2'): Promise<void> {
    const { api, container } = this.#options;
    try {
      await signalContainer(api, container, name, this.#disposed.signal);
    } catch (error) {
      const { message } = toSciStreamError(error);
      throw new SciStreamError('SERVER_ERR', `${name} did not reach the program: ${message}`, { cause: error });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  abandon(): void {
    this.#disposed.abort();
    clearTimeout(this.#timer);
  }

  async #dispose(): Promise<void> {
    this.abandon();
    await this.#look;
    await this.#options.end();
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#look = this.#lookOnce();
    }, this.#pauses.next());
    this.#timer.unref();
  }

  async #lookOnce(): Promise<void> {
    const { job, container } = this.#options;
    await this.#readLogs();
    try {
      const reason = await this.#whyEnded();
      if (this.#disposed.signal.aborted) return;
      if (reason !== undefined) {
        this.#ended.resolve(reason);
        return;
      }
    } catch (error) {
      if (this.#disposed.signal.aborted) return;
      // Janus being away says nothing about the container.
      job.logger.debug({ session: container.session, err: error }, 'Janus does not tell how the container is');
    }
    this.#schedule();
  }

  async #whyEnded(): Promise<string | undefined> {
    const { api, container } = this.#options;
    const name = `Janus session ${container.session}`;
    const session = await api.session(container.session, this.#disposed.signal);
    if (session === undefined) return `${name} is gone`;
    if (session.state !== 'STARTED') {
      const problems = problemsOf(session);
      return `${name} is ${session.state}${problems === '' ? '' : `: ${problems}`}`;
    }
    if (!(await hasEnded(api, container, this.#disposed.signal))) return undefined;
    await this.#readLogs();
    const said = this.#printed.length === 0 ? '' : `; the last it printed: ${this.#printed.join(' | ')}`;
    return `the container of ${name} does not run${said}`;
  }

  async #readLogs(): Promise<void> {
    const { api, container, job } = this.#options;
    try {
      const text = await api.logs(container.session, container.node, this.#logs.since, this.#disposed.signal);
      const fresh = this.#logs.fresh(text);
      for (const line of fresh) job.logger.debug({ program: job.program.name }, line);
      this.#printed = [...this.#printed, ...fresh].slice(-lastLines);
    } catch (error) {
      if (this.#disposed.signal.aborted) return;
      job.logger.debug({ session: container.session, reason: messageOf(error) }, 'the logs cannot be read');
    }
  }
}
