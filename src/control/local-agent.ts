import net from 'node:net';
import type { Client } from '@connectrpc/connect';
import { Backoff } from '../core/backoff.js';
import { messageOf, toSciStreamError } from '../core/errors.js';
import { passed } from '../core/passed.js';
import { keepTrying } from '../core/retry.js';
import { DataService } from '../gen/scistream/data/v1/data_pb.js';
import { RpcConnection } from '../platform/rpc-client.js';
import { isServed, socketPath } from '../platform/state-dir.js';
import { AgentSupply, answerMs, type LocalAgentOptions } from './agent-supply.js';
import type { AgentProcess } from './running-agent.js';

/** An agent that has run so long did not die of its own start. */
const stableMs = 10_000;

/** Its socket in the state folder. */
export const agentSocket = 's2ds.sock';

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
  readonly #supply: AgentSupply;
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
    this.#supply = new AgentSupply(options, this.#socket, this.client);
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
        await this.#supply.info(signal);
        return;
      } catch (error) {
        const hung = toSciStreamError(error).code === 'TIMEOUT';
        if (signal.aborted || (hung && !process.managed)) throw error;
        if (process.managed) await this.#supply.awaitEnd(process, hung ? 0 : undefined);
      }
    }
    await this.#obtain(signal);
  }

  /** Ends the agent and waits until its process is gone. One that somebody else has started is left to them. */
  async stop(): Promise<void> {
    this.expectEnd();
    await this.#following;
    try {
      if (this.#process) await this.#supply.end(this.#process);
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
      if (reservations.length === 0 && this.#process) await this.#supply.end(this.#process);
    } catch (error) {
      const { pid: agentPid } = this.#process ?? {};
      this.#options.logger.warn({ agentPid, reason: messageOf(error) }, 'the data server could not be ended');
    } finally {
      this.#connection[Symbol.dispose]();
    }
  }

  async #obtain(signal: AbortSignal): Promise<void> {
    this.#process = await this.#supply.obtain(this.#process, signal);
  }

  /** Never throws, and ends when the agent's end is expected. */
  async #follow(): Promise<void> {
    const { signal } = this.#ending;
    for (;;) {
      const since = this.#options.clock.now();
      await this.#gone(signal);
      if (signal.aborted) return;
      await this.#replace(since, signal);
    }
  }

  /** For one that was there `since` then. */
  async #replace(since: number, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    if (clock.now() - since > stableMs) this.#backoff.reset();
    logger.error('the data server has gone, with the streams that lived in it');
    this.onLost();
    await passed(this.#backoff.next(), signal, clock);
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

  /** Waits for the end of the agent, however it comes: it closes a silent connection. */
  async #gone(signal: AbortSignal): Promise<void> {
    const socket = net.connect({ path: this.#socket, signal });
    socket.unref();
    socket.on('error', () => undefined);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  }
}
