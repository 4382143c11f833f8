import { describeSettings, settingDifferences, type AgentSettings } from '../config/agent.js';
import { SciStreamError } from '../core/errors.js';
import { formatPortRange, type PortRange } from '../core/port-range.js';
import { until } from '../core/until.js';
import type { InfoResponse } from '../gen/scistream/data/v1/data_pb.js';
import { isRunning } from '../platform/child.js';
import { identityOf, killedWithinMs, sendSignal } from '../platform/processes.js';
import { socketOwner } from '../platform/socket-owner.js';

/** The process of an agent, told from any other that gets its id later. */
export class AgentProcess {
  readonly pid: number;
  /** Started by a control server, which may end it. */
  readonly managed: boolean;
  readonly #identity: string | undefined;

  /** It must run now. */
  constructor({ pid, managed }: Pick<InfoResponse, 'pid' | 'managed'>) {
    this.pid = pid;
    this.managed = managed;
    this.#identity = identityOf(pid);
  }

  get runs(): boolean {
    return isRunning(this.pid) && identityOf(this.pid) === this.#identity;
  }

  /** Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.runs) sendSignal(this.pid, 'SIGKILL');
    await until(`The end of the data server (process ${this.pid})`, killedWithinMs, () => !this.runs);
  }
}

export interface WantedAgent {
  readonly listenerIp: string;
  readonly portRange: PortRange;
  readonly version: string;
  readonly agentSettings: AgentSettings;
}

/** Why an agent that runs and carries so many sessions cannot be taken as it is, in clauses; empty when it can. */
export function agentDifferences(info: InfoResponse, carried: number, wanted: WantedAgent): string[] {
  const { listenerIp, portRange, version, agentSettings } = wanted;
  const differences = settingDifferences(
    { 'listener-ip': info.listenerIp, 'port-range': info.portRange, ...info.settings },
    { 'listener-ip': listenerIp, 'port-range': formatPortRange(portRange), ...describeSettings(agentSettings) },
  );
  // Streams are no price for another version.
  const outdated = info.version !== version && carried === 0;
  return outdated ? [...differences, `version is ${info.version} there, ${version} here`] : differences;
}

/** For an agent that must not be ended, as it carries sessions or was started by hand. */
export function otherSettings({ pid }: InfoResponse, carried: number, differences: readonly string[]): SciStreamError {
  const [why, loss] =
    carried === 0
      ? ['was started by hand', '']
      : [`still carries ${carried === 1 ? 'one session' : `${carried} sessions`}`, ', which ends its streams'];
  return new SciStreamError(
    'ALREADY_EXISTS',
    `A data server with other settings ${why} (process ${pid}): ${differences.join('; ')}. ` +
      `Give s2cs the same settings, or end that process first${loss}.`,
  );
}

/** For an agent that takes connections and answers nothing. */
export async function hangs(socket: string, cause: unknown): Promise<SciStreamError> {
  const pid = await socketOwner(socket);
  const [who, how] = pid === undefined ? ['', 'it'] : [` (process ${pid})`, `it with "kill -9 ${pid}"`];
  return new SciStreamError(
    'TIMEOUT',
    `The data server at ${socket}${who} does not answer. If it does not recover, end ${how}, which ends the streams that ` +
      'the relay carries, and start s2cs again.',
    { cause },
  );
}
