import { Backoff } from '../../../core/backoff.js';
import type { Clock } from '../../../core/clock.js';
import { orAborted } from '../../../core/deferred.js';
import { formatEndpoint } from '../../../core/endpoint.js';
import { messageOf, SciStreamError, toSciStreamError, type ErrorCode } from '../../../core/errors.js';
import { Serial } from '../../../core/serial.js';
import { until } from '../../../core/until.js';
import type { Logger } from '../../../observe/logger.js';
import { probePort } from '../../ports.js';
import type { Job, ProgramRunner, Running } from '../../runners/runner.js';
import type { ProxyControl } from './proxy.js';

const readyMs = 15_000;
const firstPauseMs = 200;
const longestPauseMs = 30_000;
/** A program that has run so long did not die of its own start. */
const stableMs = 10_000;

/** Failures for which a proxy that was found is to blame: others, such as an Engine that is away, may pass, and it serves on. */
const ofTheProgram: ReadonlySet<ErrorCode> = new Set(['SERVER_ERR', 'TIMEOUT']);

export interface SupervisorOptions {
  readonly runner: ProgramRunner;
  readonly job: () => Job;
  /** Before each start. */
  readonly prepare: () => Promise<void>;
  readonly control: (running: Running, adopted: boolean) => ProxyControl;
  /** Makes one that an earlier agent has left running follow the configuration that it may never have been told of. */
  readonly follow: (control: ProxyControl) => Promise<void>;
  /** The program has ended by itself. */
  readonly onLost: () => void;
  /** Ends what is under way; disposing does so too. */
  readonly released: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Program {
  readonly running: Running;
  readonly control: ProxyControl;
}

/** Keeps one proxy running until it is disposed: one that ends by itself is started again, ever more patiently. */
export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #turn = new Serial();
  readonly #backoff = new Backoff(firstPauseMs, longestPauseMs);
  readonly #stop = new AbortController();
  readonly #stopped: AbortSignal;
  #program: Program | undefined;
  #pause: Disposable | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#stopped = AbortSignal.any([options.released, this.#stop.signal]);
  }

  /** Undefined while the program is not there. */
  get control(): ProxyControl | undefined {
    return this.#program?.control;
  }

  /** Takes over what an earlier agent has left running, or starts it, and waits until it serves. Throws SERVER_ERR. */
  start(): Promise<void> {
    return this.#turn.run(() => this.#start(true));
  }

  /** Runs after all that is under way; `control` is absent when the program is to be started again soon. */
  async with(work: (control: ProxyControl | undefined) => Promise<void>): Promise<void> {
    return this.#turn.run(() => work(this.#program?.control));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new SciStreamError('CANCELED', 'The session was released.'));
    this.#pause?.[Symbol.dispose]();
    await this.#turn.run(async () => {
      const program = this.#program;
      this.#program = undefined;
      await program?.control[Symbol.asyncDispose]();
      await program?.running[Symbol.asyncDispose]();
    });
  }

  /** A method, as it may become true while something is awaited. */
  #isStopping(): boolean {
    return this.#stopped.aborted;
  }

  async #start(mayAdopt: boolean): Promise<void> {
    const program = (mayAdopt ? await this.#adopt() : undefined) ?? (await this.#launch());
    this.#program = program;
    const since = this.#options.clock.now();
    void program.running.ended.then((reason) => {
      if (this.#options.clock.now() - since >= stableMs) this.#backoff.reset();
      this.#lost(program, reason);
    });
  }

  /** Undefined when there is none, or none that could be used. */
  async #adopt(): Promise<Program | undefined> {
    const { runner, job, follow, logger } = this.#options;
    const running = await runner.adopt(job());
    if (!running) return undefined;
    const control = this.#options.control(running, true);
    try {
      await this.#ready(running, control);
      await follow(control);
      return { running, control };
    } catch (error) {
      await control[Symbol.asyncDispose]();
      if (this.#isStopping() || !ofTheProgram.has(toSciStreamError(error).code)) {
        running.abandon();
        throw error;
      }
      await running[Symbol.asyncDispose]();
      const reason = messageOf(error);
      logger.error({ reason }, 'the proxy of an earlier agent is of no use; its connections are lost');
      return undefined;
    }
  }

  async #launch(): Promise<Program> {
    await this.#options.prepare();
    return this.#serving(await this.#options.runner.start(this.#options.job(), this.#stopped));
  }

  /** Ends the program when it does not come to serve. */
  async #serving(running: Running): Promise<Program> {
    const control = this.#options.control(running, false);
    try {
      await this.#ready(running, control);
      return { running, control };
    } catch (error) {
      await control[Symbol.asyncDispose]();
      await running[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The program says that it serves, and its ports are taken. Throws SERVER_ERR telling what is missing in time. */
  async #ready(running: Running, control: ProxyControl): Promise<void> {
    const { program, listeners, transport } = this.#options.job();
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#stopped]);
    let missing = 'it does not answer';
    const deadline = this.#options.clock.after(readyMs, () => {
      const words = 'the log of s2ds has its words with --verbose';
      const reason = `${program.name} runs, but after ${readyMs / 1000} s ${missing}; ${words}.`;
      over.abort(new SciStreamError('SERVER_ERR', reason));
    });
    void running.ended.then((reason) => {
      over.abort(new SciStreamError('SERVER_ERR', `${program.name} could not be started: ${reason}`));
    });
    try {
      await orAborted(control.ready(signal), signal);
      for (const listener of transport === 'udp' ? [] : listeners) {
        const { host, port } = listener;
        missing = `it does not listen at ${formatEndpoint(listener)}`;
        await until(missing, Infinity, async () => (await probePort(host, port)) === undefined, signal);
      }
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  #lost(program: Program, reason: string): void {
    if (this.#program !== program || this.#isStopping()) return;
    this.#program = undefined;
    this.#options.logger.error({ reason }, 'the proxy has ended; its connections are lost');
    this.#options.onLost();
    // Before it is started again, which removes its files.
    void this.#turn.run(async () => {
      await program.control[Symbol.asyncDispose]();
    });
    this.#restartLater();
  }

  #restartLater(): void {
    this.#pause = this.#options.clock.after(this.#backoff.next(), () => {
      void this.#turn.run(() => this.#restart());
    });
  }

  async #restart(): Promise<void> {
    if (this.#isStopping()) return;
    try {
      await this.#start(false);
      this.#options.logger.info('the proxy runs again');
    } catch (error) {
      if (this.#isStopping()) return;
      this.#options.logger.error({ reason: messageOf(error) }, 'the proxy could not be started again');
      this.#restartLater();
    }
  }
}
