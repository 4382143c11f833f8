import net from 'node:net';
import path from 'node:path';
import type { CallOptions, Client } from '@connectrpc/connect';
import { agentArguments, agentEnvironment } from '../config/agent.js';
import { Backoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { messageOf, toSciStreamError } from '../core/errors.js';
import { passed } from '../core/passed.js';
import { formatPortRange } from '../core/port-range.js';
import { keepTrying } from '../core/retry.js';
import { until } from '../core/until.js';
import { DataService } from '../gen/scistream/data/v1/data_pb.js';
import type { Logger } from '../observe/logger.js';
import { startDaemon } from '../platform/child.js';
import { RpcConnection } from '../platform/rpc-client.js';
import { isServed, socketPath } from '../platform/state-dir.js';
import { agentDifferences, AgentProcess, hangs, otherSettings, type WantedAgent } from './running-agent.js';

const startTimeoutMs = 15_000;
/** One that does not tell who it is within this time, hangs. */
const answerMs = 5_000;
/** For the end of an agent that has been told to end, and of its programs. */
const stopTimeoutMs = 7_000;
/** An agent that has run so long did not die of its own start. */
const stableMs = 10_000;

/** Its socket in the state folder. */
export const agentSocket = 's2ds.sock';

/** It is started as is wanted, or must have been. */
export interface LocalAgentOptions extends WantedAgent {
  /** How s2ds is started: the program and the arguments before our own. */
  agentCommand: readonly [string, ...string[]];
  stateDir: string;
  /** Its log tells of every connection. */
  verbose: boolean;
  clock: Clock;
  logger: Logger;
}

/**
 * The s2ds of this machine, a process of its own: started when there is none, adopted when one of an earlier control server
 * still runs, and obtained anew in the same way when it dies. In place of one that somebody else has started, only another one
 * of theirs is taken.
 */
export class LocalAgent {
  readonly client: Client<typeof DataService>;
  /** Called when the agent has gone without being asked to, with all that was embedded in it. */
  onLost: () => void = () => undefined;
  /** Called when another one runs in its place, which has taken over what could be. */
  onBack: () => void = () => undefined;
  readonly #options: LocalAgentOptions;
  readonly #socket: string;
  readonly #connection: RpcConnection;
  readonly #backoff = new Backoff(100, 10_000);
  /** Aborts when its end is no surprise any more. */
  readonly #ending = new AbortController();
  /** The last one that was obtained, whether it still runs or not. */
  #process: AgentProcess | undefined;
  #following: Promise<void> | undefined;

  private constructor(options: LocalAgentOptions) {
    this.#options = options;
    this.#socket = socketPath(options.stateDir, agentSocket);
    this.#connection = new RpcConnection({ target: { path: this.#socket }, timeoutMs: 30_000 });
    this.client = this.#connection.client(DataService);
  }

  /**
   * Throws when no agent can be had, TIMEOUT when the one that is there hangs, ALREADY_EXISTS when it has other settings and
   * must not be ended, and the reason of `signal`, whose abort ends the start.
   */
  static async start(options: LocalAgentOptions, signal: AbortSignal): Promise<LocalAgent> {
    const agent = new LocalAgent(options);
    try {
      await agent.#obtain(signal);
      agent.#following = agent.#follow();
      return agent;
    } catch (error) {
      agent.#connection[Symbol.dispose]();
      throw error;
    }
  }

  /** Started by a control server, which may end it. */
  get managed(): boolean {
    return this.#process?.managed === true;
  }

  /** Whether it, or another one in its place, takes connections. */
  isServed(): Promise<boolean> {
    return isServed(this.#socket);
  }

  /** From now on the agent's end is no surprise, and nothing is started by itself. */
  expectEnd(): void {
    this.#ending.abort();
  }

  /**
   * While everything ends: makes sure that an agent answers, as only an agent can end what has outlived another one. One of ours
   * that hangs is killed. Throws when there is none to be had before `signal` aborts.
   */
  async revive(signal: AbortSignal): Promise<void> {
    await this.#following;
    const process = this.#process;
    if (process?.runs) {
      try {
        await this.#info(signal);
        return;
      } catch (error) {
        const hung = toSciStreamError(error).code === 'TIMEOUT';
        if (signal.aborted || (hung && !process.managed)) throw error;
        if (process.managed) await this.#awaitEnd(process, hung ? 0 : stopTimeoutMs);
      }
    }
    await this.#obtain(signal);
  }

  /** Ends the agent and waits until its process is gone. One that somebody else has started is left to them. */
  async stop(): Promise<void> {
    this.expectEnd();
    await this.#following;
    try {
      if (this.#process) await this.#end(this.#process);
    } finally {
      this.#connection[Symbol.dispose]();
    }
  }

  /**
   * After a failed start: ends an agent that carries nothing, and leaves one that carries streams to the next start. Never
   * throws: what matters is why the start has failed.
   */
  async discard(): Promise<void> {
    this.expectEnd();
    await this.#following;
    try {
      const { reservations } = await this.client.list({}, { timeoutMs: answerMs });
      if (reservations.length === 0 && this.#process) await this.#end(this.#process);
    } catch (error) {
      const { pid: agentPid } = this.#process ?? {};
      this.#options.logger.warn({ agentPid, reason: messageOf(error) }, 'the data server could not be ended');
    } finally {
      this.#connection[Symbol.dispose]();
    }
  }

  /** Adopts the agent that is there, or launches one where there is none and never was one that somebody else had started. */
  async #obtain(signal: AbortSignal): Promise<void> {
    if (this.#process?.managed === false) await this.#untilServed(this.#process, signal);
    this.#process = (await this.#adopt(signal)) ?? (await this.#launch(signal));
  }

  async #untilServed({ pid: agentPid }: AgentProcess, signal: AbortSignal): Promise<void> {
    if (await this.isServed()) return;
    this.#options.logger.warn(
      { agentPid, socket: this.#socket },
      'waiting for the data server, which was started by hand, to be started again where it was; or start s2cs anew',
    );
    await until('a data server', Infinity, () => this.isServed(), signal);
  }

  async #adopt(signal: AbortSignal): Promise<AgentProcess | undefined> {
    if (!(await this.isServed())) return undefined;
    this.#options.logger.debug('asking the data server that is there who it is');
    const info = await this.#info(signal);
    const { reservations } = await this.client.list({}, { timeoutMs: answerMs, signal });
    const differences = agentDifferences(info, reservations.length, this.#options);
    const found = new AgentProcess(info);
    if (differences.length === 0) {
      const { pid: agentPid, version: agentVersion } = info;
      this.#options.logger.info({ agentPid, agentVersion }, 'adopted the running data server');
      return found;
    }
    if (reservations.length > 0 || !info.managed) throw otherSettings(info, reservations.length, differences);
    await this.#end(found);
    return undefined;
  }

  async #launch(signal: AbortSignal): Promise<AgentProcess> {
    const { agentCommand, agentSettings, stateDir, listenerIp, portRange, verbose } = this.#options;
    const [command, ...first] = agentCommand;
    const place = ['--socket', this.#socket, '--listener-ip', listenerIp, '--port-range', formatPortRange(portRange)];
    const log = verbose ? ['--verbose'] : [];
    const pid = await startDaemon({
      command,
      args: [...first, '--managed', ...place, ...log, ...agentArguments(agentSettings)],
      environment: agentEnvironment(agentSettings),
      logFile: path.join(stateDir, 's2ds.log'),
      timeoutMs: startTimeoutMs,
      signal,
    });
    return new AgentProcess({ pid, managed: true });
  }

  /** Who serves the socket. Throws TIMEOUT, with its process id if that can be known, when it does not say. */
  async #info(signal: AbortSignal) {
    const options: CallOptions = { timeoutMs: answerMs, signal };
    try {
      return await this.client.info({ brief: true }, options);
    } catch (error) {
      if (signal.aborted || toSciStreamError(error).code !== 'TIMEOUT') throw error;
      throw await hangs(this.#socket, error);
    }
  }

  async #end(process: AgentProcess): Promise<void> {
    if (!process.managed || !process.runs) return;
    try {
      await this.client.shutdown({}, { timeoutMs: answerMs });
    } catch (error) {
      // Somebody else has told it to end, it has died, or it hangs: that shows now.
      this.#options.logger.debug({ reason: messageOf(error) }, 'the data server did not take the order to end');
      if (toSciStreamError(error).code === 'TIMEOUT') return this.#awaitEnd(process, 0);
    }
    await this.#awaitEnd(process, stopTimeoutMs);
  }

  /** Kills it when it has not ended after so long. */
  async #awaitEnd(process: AgentProcess, ms: number): Promise<void> {
    const what = `The end of the data server (process ${process.pid})`;
    try {
      await until(what, ms, () => !process.runs);
    } catch {
      this.#options.logger.error({ agentPid: process.pid }, 'the data server does not end: it is killed');
      await process.kill();
    }
  }

  /** Never throws, and ends when the agent's end is expected. */
  async #follow(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#ending;
    for (;;) {
      const since = clock.now();
      await this.#gone(signal);
      if (signal.aborted) return;
      if (clock.now() - since > stableMs) this.#backoff.reset();
      logger.error('the data server has gone, with the streams that lived in it');
      this.onLost();
      await passed(this.#backoff.next(), signal, clock);
      if (signal.aborted) return;
      await keepTrying(() => this.#obtain(signal), {
        ...{ clock, signal, backoff: this.#backoff },
        onFailure: (error) => {
          if (!signal.aborted) logger.error({ reason: messageOf(error) }, 'no data server could be had; trying again');
        },
      });
      if (signal.aborted) return;
      logger.info('the data server runs again');
      this.onBack();
    }
  }

  /** Waits for the end of the agent, however it comes: it closes a silent connection. */
  async #gone(signal: AbortSignal): Promise<void> {
    const socket = net.connect({ path: this.#socket, signal });
    socket.unref();
    socket.on('error', () => undefined);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  }
}
