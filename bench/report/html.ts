import type { Metric } from '../scenarios/scenario.js';
import { chart } from './chart.js';
import { escape } from './escape.js';
import { short } from './number.js';
import type { Report, ScenarioReport } from './report.js';
import type { Verdict } from './targets.js';

const style = `
  :root { color-scheme: light dark; --text: #1c2733; --faint: #66727f; --bar: #9fb3c8; --own: #1f6feb; --line: #d5dce3;
    --good: #1a7f37; --bad: #b35900; --back: #fff }
  @media (prefers-color-scheme: dark) { :root { --text: #e2e8ef; --faint: #94a1af; --bar: #4d6175; --own: #4c93ff;
    --line: #34404c; --good: #4ac26b; --bad: #e0913a; --back: #12181f } }
  body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 60rem;
    margin: 2rem auto; padding: 0 1rem }
  h2 { font-size: 1.1rem; margin: 2.2rem 0 .3rem } p, figcaption { color: var(--faint); margin: .2rem 0 }
  figure { margin: .8rem 0 } svg { width: 100%; height: auto } svg text { font-size: 13px; fill: var(--text) }
  table { border-collapse: collapse } td { padding: .2rem 1rem .2rem 0; border-bottom: 1px solid var(--line) }
  .reached { color: var(--good) } .missed { color: var(--bad) }`;

/** A page that needs nothing else: charts of all that was measured. */
export function htmlPage({ startedAt, machine, settings, scenarios, targets }: Report): string {
  const about = [machine.processor, `${machine.cores} cores`, machine.kernel, `Node ${machine.node}`, startedAt];
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>SciStream: data plane benchmark</title><style>${style}</style></head><body>`,
    '<h1>SciStream: data plane benchmark</h1>',
    `<p>${escape(about.join(', '))}. Rounds: ${settings.rounds}, ${settings.seconds} s each.</p>`,
    '<p>Bars are medians, thin lines reach from the lowest to the highest round. Compare within one chart only.</p>',
    verdicts(targets),
    ...scenarios.map(section),
    '</body></html>\n',
  ].join('\n');
}

function verdicts(targets: readonly Verdict[]): string {
  const rows = targets.map(
    ({ title, bound, value, outcome }) =>
      `<tr><td>${escape(title)}</td><td>${value === undefined ? '' : short(value)}</td><td>${escape(bound)}</td>` +
      `<td class="${outcome}">${outcome}</td></tr>`,
  );
  return `<h2>Targets</h2><table>${rows.join('')}</table>`;
}

function section(scenario: ScenarioReport): string {
  const { title, metrics, arms, skipped } = scenario;
  const problems = arms.flatMap(({ label, problem }) =>
    problem === undefined ? [] : [`<p>Not available: ${escape(label)}: ${escape(problem)}</p>`],
  );
  const skip = skipped === undefined ? [] : [`<p>Skipped: ${escape(skipped)}</p>`];
  return [`<h2>${escape(title)}</h2>`, ...skip, ...metrics.map((metric) => figure(scenario, metric)), ...problems].join(
    '\n',
  );
}

function figure({ arms }: ScenarioReport, metric: Metric): string {
  const bars = arms.flatMap(({ name, label, values }) => {
    const value = values[metric.key];
    return value ? [{ label, value, own: name.startsWith('relay') }] : [];
  });
  if (bars.length === 0) return '';
  const caption = `${metric.label}, ${metric.unit}; ${metric.better} is better`;
  return `<figure><figcaption>${escape(caption)}</figcaption>${chart(bars)}</figure>`;
}
