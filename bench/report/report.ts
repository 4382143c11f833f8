import type { ArmResult, Metric, Scenario } from '../scenarios/scenario.js';
import type { Machine } from '../support/machine.js';
import { spreadOf, type Spread } from '../support/statistics.js';
import { judge, type Verdict } from './targets.js';

/** Everything that a run has found out; what `--json` writes. */
export interface Report {
  readonly startedAt: string;
  readonly settings: { readonly rounds: number; readonly seconds: number; readonly quick: boolean };
  readonly machine: Machine;
  readonly scenarios: readonly ScenarioReport[];
  readonly targets: readonly Verdict[];
}

export interface ScenarioReport {
  readonly name: string;
  readonly title: string;
  readonly metrics: readonly Metric[];
  /** The arm that `ratio` compares with. */
  readonly reference: string;
  readonly arms: readonly ArmReport[];
  /** Why it was not measured at all. */
  readonly skipped?: string;
}

export interface ArmReport {
  readonly name: string;
  readonly label: string;
  /** By the key of the metric. */
  readonly values: Readonly<Record<string, Value>>;
  readonly problem?: string;
}

export interface Value extends Spread {
  /** This median by that of the reference; absent where there is none. */
  readonly ratio?: number;
  readonly samples: readonly number[];
}

export function scenarioReport(scenario: Scenario, results: readonly ArmResult[], skipped?: string): ScenarioReport {
  const { name, title, metrics, reference } = scenario;
  const base = results.find((result) => result.name === reference);
  const arms = results.map((result) => armReport(result, base, metrics));
  return { name, title, metrics, reference, arms, ...(skipped === undefined ? {} : { skipped }) };
}

export function fullReport(run: Omit<Report, 'targets'>): Report {
  return { ...run, targets: judge(run.scenarios) };
}

function armReport(result: ArmResult, base: ArmResult | undefined, metrics: readonly Metric[]): ArmReport {
  const { name, label, problem } = result;
  const values = Object.fromEntries(
    metrics.flatMap(({ key }) => {
      const samples = samplesOf(result, key);
      const spread = spreadOf(samples);
      if (!spread) return [];
      const ratio = ratioTo(base && spreadOf(samplesOf(base, key)), spread);
      return [[key, { ...spread, ...(ratio === undefined ? {} : { ratio }), samples }]];
    }),
  );
  return { name, label, values, ...(problem === undefined ? {} : { problem }) };
}

function samplesOf({ samples }: ArmResult, key: string): number[] {
  return samples.flatMap((sample) => sample[key] ?? []);
}

function ratioTo(base: Spread | undefined, { median }: Spread): number | undefined {
  return base && base.median > 0 ? median / base.median : undefined;
}
