import { cpu, connections, megabytes, p50, requests, tenThousand, throughput } from '../scenarios/metrics.js';
import type { Metric } from '../scenarios/scenario.js';
import { short } from './number.js';
import type { ScenarioReport } from './report.js';

/** Whether the relay is as good as it has to be, in one respect. */
export interface Verdict {
  readonly title: string;
  readonly bound: string;
  /** Absent: it was not measured in this run. */
  readonly value?: number;
  readonly outcome: 'reached' | 'missed' | 'not measured';
}

interface Target {
  readonly title: string;
  readonly scenario: string;
  readonly metric: Metric;
  readonly arm: string;
  /** The best of these is what the arm is compared with; none: its own value counts. */
  readonly against?: readonly string[];
  readonly least?: number;
  readonly most?: number;
  readonly unit?: string;
}

const tls = ['stunnel-psk', 'haproxy-tls', 'nginx-tls'];

/** Compared are medians of one run: what else the machine does differs from run to run. */
const targets: readonly Target[] = [
  {
    ...{ title: 'Plain TCP, 1 stream: relay / HAProxy, splice', scenario: 'plain-1', metric: throughput },
    ...{ arm: 'relay', against: ['haproxy'], least: 1.05 },
  },
  {
    ...{ title: 'Plain TCP, 1 stream: relay / HAProxy, upstream template', scenario: 'plain-1', metric: throughput },
    ...{ arm: 'relay', against: ['haproxy-upstream'], least: 1.6 },
  },
  {
    ...{ title: 'Plain TCP, 1 stream: CPU per GB, relay / HAProxy, splice', scenario: 'plain-1', metric: cpu },
    ...{ arm: 'relay', against: ['haproxy'], most: 1 },
  },
  {
    ...{ title: 'Encrypted, 1 stream: relay / best of stunnel, HAProxy, nginx', scenario: 'encrypted-1' },
    ...{ metric: throughput, arm: 'relay-encrypted', against: tls, least: 1.4 },
  },
  {
    ...{ title: 'Small HTTP requests: relay / HAProxy', scenario: 'requests-16', metric: requests },
    ...{ arm: 'relay', against: ['haproxy'], least: 1 },
  },
  {
    ...{ title: 'New connections: relay / HAProxy', scenario: 'connections', metric: connections },
    ...{ arm: 'relay', against: ['haproxy'], least: 1 },
  },
  {
    ...{ title: 'ZeroMQ, 1 MiB: two plain hops / direct', scenario: 'zeromq-1m', metric: megabytes },
    ...{ arm: 'relay-two-hops', against: ['direct'], least: 0.6 },
  },
  {
    ...{ title: 'Memory of the relay with 10 000 idle connections', scenario: 'idle', metric: tenThousand },
    ...{ arm: 'relay', most: 250, unit: 'MB' },
  },
  {
    ...{ title: 'Reserve and Update, p50', scenario: 'reserve', metric: p50, arm: 'relay', most: 5, unit: 'ms' },
  },
  ...['haproxy', 'nginx', 'stunnel'].flatMap((engine) => [
    firstByte(`${engine}-process`, 150),
    firstByte(`${engine}-docker`, 1_500),
  ]),
];

/** Milliseconds from Update to the first byte. */
function firstByte(arm: string, most: number): Target {
  return { title: `First byte through ${arm}, p50`, scenario: 'first-byte', metric: p50, arm, most, unit: 'ms' };
}

export function judge(scenarios: readonly ScenarioReport[]): Verdict[] {
  return targets.map((target) => {
    const { title, least = -Infinity, most = Infinity, unit } = target;
    const limit = target.least === undefined ? `<= ${most}` : `>= ${least}`;
    const bound = unit === undefined ? limit : `${limit} ${unit}`;
    const exact = valueOf(target, scenarios);
    if (exact === undefined) return { title, bound, outcome: 'not measured' };
    // As it is shown: "1.00 >= 1 missed" would help nobody.
    const value = Number(short(exact));
    return { title, bound, value, outcome: value >= least && value <= most ? 'reached' : 'missed' };
  });
}

function valueOf(
  { scenario: name, metric, arm, against }: Target,
  scenarios: readonly ScenarioReport[],
): number | undefined {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  const median = (of: string): number | undefined =>
    scenario?.arms.find((candidate) => candidate.name === of)?.values[metric.key]?.median;
  const own = median(arm);
  if (own === undefined || !against) return own;
  const others = against.flatMap((other) => median(other) ?? []);
  if (others.length === 0) return undefined;
  const best = metric.better === 'higher' ? Math.max(...others) : Math.min(...others);
  return best > 0 ? own / best : undefined;
}
