import { describeSettings, settingDifferences, type AgentSettings } from '../config/agent.js';
import { SciStreamError } from '../core/errors.js';
import { formatPortRange, type PortRange } from '../core/port-range.js';
import type { InfoResponse } from '../gen/scistream/data/v1/data_pb.js';

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
