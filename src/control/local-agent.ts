import net from 'node:net';
import path from 'node:path';
import type { Client } from '@connectrpc/connect';
import { agentArguments, agentEnvironment } from '../config/agent.js';
import { Backoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { messageOf } from '../core/errors.js';
import { formatPortRange } from '../core/port-range.js';
import { until } from '../core/until.js';
import { DataService } from '../gen/scistream/data/v1/data_pb.js';
import type { Logger } from '../observe/logger.js';
import { isRunning, startDaemon } from '../platform/child.js';
import { RpcConnection } from '../platform/rpc-client.js';
import { isServed, socketPath } from '../platform/state-dir.js';
import { agentDifferences, otherSettings, type WantedAgent } from './running-agent.js';

const startTimeoutMs = 15_000;
const stopTimeoutMs = 10_000;
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
 * still runs, started anew when it dies.
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
  #stopping = false;
  #lost = false;
  #restarting: Promise<void> | undefined;

  private constructor(options: LocalAgentOptions) {
    this.#options = options;
    this.#socket = socketPath(options.stateDir, agentSocket);
    this.#connection = new RpcConnection({ target: { path: this.#socket }, timeoutMs: 30_000 });
    this.client = this.#connection.client(DataService);
  }

  /** Throws when no agent can be had, or when one with other settings holds reservations. */
  static async start(options: LocalAgentOptions): Promise<LocalAgent> {
    const agent = new LocalAgent(options);
    try {
      if (!(await agent.#adopt())) await agent.#launch();
      agent.#watch();
      return agent;
    } catch (error) {
      agent.#connection[Symbol.dispose]();
      throw error;
    }
  }

  /** From now on the agent's end is no surprise. */
  expectEnd(): void {
    this.#stopping = true;
  }

  /** Starts another one if it is not there: what has outlived it can only be ended by an agent. */
  async revive(): Promise<void> {
    await this.#restarting;
    if (!(await isServed(this.#socket))) await this.#launch();
  }

  /** Ends the agent and waits until its process is gone. One that somebody else has started is left to them. */
  async stop(): Promise<void> {
    this.expectEnd();
    await this.#restarting;
    try {
      await this.#end();
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
    await this.#restarting;
    try {
      const { reservations } = await this.client.list({});
      if (reservations.length === 0) await this.#end();
    } catch (error) {
      this.#options.logger.warn({ reason: messageOf(error) }, 'the data server could not be ended');
    } finally {
      this.#connection[Symbol.dispose]();
    }
  }

  async #adopt(): Promise<boolean> {
    if (!(await isServed(this.#socket))) return false;
    const info = await this.client.info({ brief: true });
    const { reservations } = await this.client.list({});
    const differences = agentDifferences(info, reservations.length, this.#options);
    if (differences.length === 0) {
      const { pid: agentPid, version: agentVersion } = info;
      this.#options.logger.info({ agentPid, agentVersion }, 'adopted the running data server');
      return true;
    }
    if (reservations.length > 0 || !info.managed) throw otherSettings(info, reservations.length, differences);
    await this.#end();
    return false;
  }

  async #launch(): Promise<void> {
    const { agentCommand, agentSettings, stateDir, listenerIp, portRange, verbose } = this.#options;
    const [command, ...first] = agentCommand;
    const place = ['--socket', this.#socket, '--listener-ip', listenerIp, '--port-range', formatPortRange(portRange)];
    const log = verbose ? ['--verbose'] : [];
    await startDaemon({
      command,
      args: [...first, '--managed', ...place, ...log, ...agentArguments(agentSettings)],
      environment: agentEnvironment(agentSettings),
      logFile: path.join(stateDir, 's2ds.log'),
      timeoutMs: startTimeoutMs,
    });
  }

  async #end(): Promise<void> {
    try {
      const { pid, managed } = await this.client.info({ brief: true });
      if (!managed) return;
      await this.client.shutdown({});
      await until(`The end of the data server (process ${pid})`, stopTimeoutMs, () => !isRunning(pid));
    } catch (error) {
      // Somebody else has told it to end, or it has died: what was wanted is so.
      if (await isServed(this.#socket)) throw error;
    }
  }

  /** A silent connection that the agent's end, however it comes, closes. */
  #watch(): void {
    const socket = net.connect(this.#socket);
    socket.unref();
    socket.on('error', () => undefined);
    socket.resume();
    socket.once('close', () => {
      if (this.#stopping) return;
      this.#lost = true;
      this.#options.logger.error('the data server has gone, with the streams that lived in it');
      this.onLost();
      this.#restartLater();
    });
  }

  #restartLater(): void {
    this.#options.clock.after(this.#backoff.next(), () => {
      if (!this.#stopping) this.#restarting = this.#restart();
    });
  }

  async #restart(): Promise<void> {
    try {
      if (!(await isServed(this.#socket))) await this.#launch();
      this.#watch();
      this.#options.clock.after(stableMs, () => {
        if (!this.#lost) this.#backoff.reset();
      });
      this.#lost = false;
      this.#options.logger.info('the data server runs again');
      this.onBack();
    } catch (error) {
      this.#options.logger.error({ reason: messageOf(error) }, 'the data server could not be started');
      this.#restartLater();
    }
  }
}
