import { Deferred } from '../../../core/deferred.js';
import { SciStreamError, toSciStreamError } from '../../../core/errors.js';
import { until } from '../../../core/until.js';
import type { Logger } from '../../../observe/logger.js';
import { killedWithinMs, sendSignal } from '../../../platform/processes.js';
import type { Running } from '../runner.js';
import type { MainProcess } from './main-process.js';
import { removeRecord } from './record.js';

export interface SupervisedOptions {
  readonly main: MainProcess;
  /** Of the program, for messages. */
  readonly name: string;
  /** Has its record. */
  readonly folder: string;
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly graceMs: number;
  readonly logger: Logger;
}

/** A program that runs in a process group of its own. Its group never outlives its main process. */
export class Supervised implements Running {
  readonly #options: SupervisedOptions;
  readonly #ended = new Deferred<string>();
  /** Main process, group and record are gone. */
  readonly #gone: Promise<void>;
  #disposal: Promise<void> | undefined;
  #abandoned = false;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#gone = this.#clearUp();
    void this.#tell();
  }

  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  signal(name: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2'): Promise<void> {
    const { main, name: program } = this.#options;
    if (main.isRunning() && sendSignal(main.pid, name)) return Promise.resolve();
    return Promise.reject(
      new SciStreamError('SERVER_ERR', `${program} does not run, so that ${name} cannot be sent to it.`),
    );
  }

  abandon(): void {
    this.#abandoned = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#stop();
    return this.#disposal;
  }

  /** What the main process leaves would hold the ports: nginx's workers serve on without it. */
  async #clearUp(): Promise<void> {
    const { main, folder } = this.#options;
    await main.exited;
    await main.endRest(folder);
    await removeRecord(folder);
  }

  async #tell(): Promise<void> {
    const { main, name, logger } = this.#options;
    try {
      await this.#gone;
    } catch (error) {
      logger.warn({ err: toSciStreamError(error) }, `${name} has ended, but not all of it could be cleared up`);
    }
    const reason = await main.reason();
    if (!this.#disposal && !this.#abandoned) this.#ended.resolve(reason);
  }

  async #stop(): Promise<void> {
    const { main, name, graceMs, logger } = this.#options;
    if (main.isRunning()) {
      sendSignal(main.pid, 'SIGTERM');
      try {
        await until('The end', graceMs, () => !main.isRunning());
      } catch {
        logger.warn(`${name} did not end within ${graceMs} ms of SIGTERM, so it is killed`);
        sendSignal(-main.pid, 'SIGKILL');
        await until(`The end of ${name} (process ${main.pid})`, killedWithinMs, () => !main.isRunning());
      }
    }
    await this.#gone;
  }
}
