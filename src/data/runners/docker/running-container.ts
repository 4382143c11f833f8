import { Backoff } from '../../../core/backoff.js';
import { Deferred, orAborted } from '../../../core/deferred.js';
import { messageOf } from '../../../core/errors.js';
import { passed } from '../../../core/passed.js';
import type { Logger } from '../../../observe/logger.js';
import type { ContainerInfo, DockerEngine } from '../../../platform/docker/engine.js';
import type { Running } from '../runner.js';
import { followLog } from './container-log.js';
import { stopContainer } from './containers.js';

/** Milliseconds that the end of the log may come after the end of the program, or the other way round. */
const lagMs = 1_000;
/** Lines that are kept to explain an end. */
const lastLines = 3;

export interface RunningContainerOptions {
  readonly engine: DockerEngine;
  readonly id: string;
  /** What the program has printed before is logged too, or not again. */
  readonly log: 'start' | 'now';
  readonly logger: Logger;
  /** Gives files that were written since to the program's user. */
  readonly handOver: () => Promise<void>;
}

/** A container and the conversation with the Engine about it. It goes on when the Engine is restarted. */
export class RunningContainer implements Running {
  readonly ended: Promise<string>;
  readonly #options: RunningContainerOptions;
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  readonly #tail: string[] = [];
  #disposal: Promise<void> | undefined;

  constructor(options: RunningContainerOptions) {
    this.#options = options;
    const ended = new Deferred<string>();
    this.ended = ended.promise;
    this.#watching = this.#watch(ended);
  }

  async signal(name: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2'): Promise<void> {
    const { engine, id, handOver } = this.#options;
    await handOver();
    await engine.call(`send ${name} to container ${id}`, (docker, abortSignal) =>
      docker.getContainer(id).kill({ signal: name, abortSignal }),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#end().catch((error: unknown) => {
      // The Engine may be back when it is tried again.
      this.#disposal = undefined;
      throw error;
    });
    return this.#disposal;
  }

  abandon(): void {
    this.#stop.abort();
  }

  async #end(): Promise<void> {
    try {
      await stopContainer(this.#options.engine, this.#options.id);
    } finally {
      this.abandon();
      await this.#watching;
    }
  }

  async #watch(ended: Deferred<string>): Promise<void> {
    const backoff = new Backoff(100, 5_000);
    let from = this.#options.log;
    for (;;) {
      await this.#untilNews(from);
      const reason = await this.#reasonOfEnd();
      if (reason !== undefined && this.#disposal === undefined) ended.resolve(reason);
      if (reason !== undefined || this.#stop.signal.aborted) return;
      from = 'now';
      await passed(backoff.next(), this.#stop.signal);
    }
  }

  /** Until the container has ended, or the Engine does not say anything about it any more. */
  async #untilNews(from: 'start' | 'now'): Promise<void> {
    const { engine, id, logger } = this.#options;
    const round = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, round.signal]);
    const onLine = (line: string): void => {
      logger.debug(line);
      if (this.#tail.push(line) > lastLines) this.#tail.shift();
    };
    const giveUp = (error: unknown): void => {
      if (!signal.aborted) logger.debug(`container ${id} is not watched: ${messageOf(error)}`);
    };
    const log = followLog(engine, id, from, onLine, signal).catch(giveUp);
    const exit = engine
      .call<unknown>(
        `wait for container ${id}`,
        (docker, abortSignal) => docker.getContainer(id).wait({ abortSignal }),
        { ms: Infinity, signal },
      )
      .catch(giveUp);
    try {
      // The log too, as the library does not notice when the Engine dies during the wait.
      await Promise.race([log, exit]);
      await orAborted(Promise.all([log, exit]), AbortSignal.timeout(lagMs)).catch(() => undefined);
    } finally {
      round.abort();
      await log;
    }
  }

  /** Undefined while it runs, and when that cannot be known. */
  async #reasonOfEnd(): Promise<string | undefined> {
    const { engine, id, logger } = this.#options;
    try {
      const info = await engine.inspect(id, { signal: this.#stop.signal });
      if (!info) return 'its container was removed';
      return info.State.Running ? undefined : this.#describe(info.State);
    } catch (error) {
      if (!this.#stop.signal.aborted) logger.warn(`whether container ${id} runs is not known: ${messageOf(error)}`);
      return undefined;
    }
  }

  #describe({ ExitCode, OOMKilled, Error: trouble }: ContainerInfo['State']): string {
    if (OOMKilled) return 'it needed more memory than its container may have';
    const words = [trouble, ...this.#tail].filter(Boolean).join('; ');
    return `it ended with exit code ${ExitCode}${words === '' ? '' : `: ${words}`}`;
  }
}
