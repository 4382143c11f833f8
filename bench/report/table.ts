import type { Metric } from '../scenarios/scenario.js';
import { short } from './number.js';
import type { ArmReport, ScenarioReport } from './report.js';
import type { Verdict } from './targets.js';

type Row = readonly string[];

/** For each metric three columns: the median, how far the rounds lay apart, and the ratio to the reference. */
export function scenarioTable({ title, metrics, arms, reference, skipped }: ScenarioReport): string {
  if (skipped !== undefined) return `${title}\n  skipped: ${skipped}\n`;
  const measured = arms.filter(({ values }) => Object.keys(values).length > 0);
  const head = [`ratio to ${labelOf(arms, reference)}`, ...metrics.flatMap(headOf)];
  const rows = measured.map((arm) => [arm.label, ...metrics.flatMap((metric) => cells(arm, metric))]);
  const problems = arms.flatMap(({ label, problem }) =>
    problem === undefined ? [] : [`  not available: ${label}: ${problem}`],
  );
  const table = measured.length === 0 ? [] : aligned([head, ...rows]);
  return [title, ...table, ...problems, ''].join('\n');
}

/** What the run shows of what the relay has to reach. */
export function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ title, bound, value, outcome }) => [
    title,
    value === undefined ? '' : short(value),
    bound,
    outcome,
  ]);
  return ['Targets', ...aligned(rows), ''].join('\n');
}

function labelOf(arms: readonly ArmReport[], name: string): string {
  return arms.find((arm) => arm.name === name)?.label ?? name;
}

function headOf({ label, unit }: Metric): Row {
  return [`${label} ${unit}`, 'min..max', 'ratio'];
}

function cells({ values }: ArmReport, { key }: Metric): Row {
  const value = values[key];
  if (!value) return ['-', '', ''];
  const { median, min, max, ratio } = value;
  return [short(median), `${short(min)}..${short(max)}`, ratio === undefined ? '' : ratio.toFixed(2)];
}

/** The first column to the left, the others to the right. */
function aligned(rows: readonly Row[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => {
    const cell = (text: string, column: number): string =>
      column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
    return `  ${row.map(cell).join('  ')}`.trimEnd();
  });
}
