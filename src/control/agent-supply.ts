import path from 'node:path';
import type { Client } from '@connectrpc/connect';
import { agentArguments, agentEnvironment } from '../config/agent.js';
import type { Clock } from '../core/clock.js';
import { messageOf, SciStreamError, toSciStreamError } from '../core/errors.js';
import { formatPortRange } from '../core/port-range.js';
import { until } from '../core/until.js';
import type { DataService, InfoResponse } from '../gen/scistream/data/v1/data_pb.js';
import type { Logger } from '../observe/logger.js';
import { startDaemon } from '../platform/child.js';
import { isServed } from '../platform/state-dir.js';
import { agentDifferences, AgentProcess, hangs, otherSettings, type WantedAgent } from './running-agent.js';

const startTimeoutMs = 15_000;
/** One that does not tell who it is within this time, hangs. */
export const answerMs = 5_000;
/** For the end of an agent that has been told to end, and of its programs. */
const stopTimeoutMs = 7_000;

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

/** Where agents come from and how they end: the processes behind one socket. */
export class AgentSupply {
  readonly #options: LocalAgentOptions;
  readonly #socket: string;
  readonly #client: Client<typeof DataService>;

  constructor(options: LocalAgentOptions, socket: string, client: Client<typeof DataService>) {
    this.#options = options;
    this.#socket = socket;
    this.#client = client;
  }

  /** Adopts the agent that is there, or launches one; in place of one that somebody else had started, waits for theirs. */
  async obtain(last: AgentProcess | undefined, signal: AbortSignal): Promise<AgentProcess> {
    const ours = last?.managed !== false;
    if (!ours) await this.#untilServed(last, signal);
    const found = await this.#adopt(signal);
    if (!found && !ours) throw new SciStreamError('UNAVAILABLE', 'The data server that was there has gone again.');
    return found ?? this.#launch(signal);
  }

  async #untilServed({ pid: agentPid }: AgentProcess, signal: AbortSignal): Promise<void> {
    if (await isServed(this.#socket)) return;
    this.#options.logger.warn(
      { agentPid, socket: this.#socket },
      'waiting for the data server, which was started by hand, to be started again where it was; or start s2cs anew',
    );
    await until('a data server', Infinity, () => isServed(this.#socket), signal);
  }

  async #adopt(signal: AbortSignal): Promise<AgentProcess | undefined> {
    if (!(await isServed(this.#socket))) return undefined;
    this.#options.logger.debug('asking the data server that is there who it is');
    const info = await this.info(signal);
    const { reservations } = await this.#client.list({}, { timeoutMs: answerMs, signal });
    const differences = agentDifferences(info, reservations.length, this.#options);
    const found = new AgentProcess(info);
    if (differences.length === 0) {
      const { pid: agentPid, version: agentVersion } = info;
      this.#options.logger.info({ agentPid, agentVersion }, 'adopted the running data server');
      return found;
    }
    if (reservations.length > 0 || !info.managed) throw otherSettings(info, reservations.length, differences);
    await this.end(found);
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
  async info(signal: AbortSignal): Promise<InfoResponse> {
    try {
      return await this.#client.info({ brief: true }, { timeoutMs: answerMs, signal });
    } catch (error) {
      if (signal.aborted || toSciStreamError(error).code !== 'TIMEOUT') throw error;
      throw await hangs(this.#socket, error);
    }
  }

  /** Ends it and waits until its process is gone. One that somebody else has started is left to them. */
  async end(process: AgentProcess): Promise<void> {
    if (!process.managed || !process.runs) return;
    try {
      await this.#client.shutdown({}, { timeoutMs: answerMs });
    } catch (error) {
      // Somebody else has told it to end, it has died, or it hangs: that shows now.
      this.#options.logger.debug({ reason: messageOf(error) }, 'the data server did not take the order to end');
      if (toSciStreamError(error).code === 'TIMEOUT') return this.awaitEnd(process, 0);
    }
    await this.awaitEnd(process);
  }

  /** Waits for its end, and kills it when it has not ended after so long. */
  async awaitEnd(process: AgentProcess, ms = stopTimeoutMs): Promise<void> {
    const what = `The end of the data server (process ${process.pid})`;
    try {
      await until(what, ms, () => !process.runs);
    } catch {
      this.#options.logger.error({ agentPid: process.pid }, 'the data server does not end: it is killed');
      await process.kill();
    }
  }
}
