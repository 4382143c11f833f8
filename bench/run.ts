import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fullReport, scenarioReport, type Report, type ScenarioReport } from './report/report.js';
import { scenarioTable, verdictTable } from './report/table.js';
import type { Context, Scenario } from './scenarios/scenario.js';
import { thisMachine } from './support/machine.js';
import { missingPrograms } from './support/programs.js';
import { temporaryFolder } from './support/temporary.js';

export interface RunOptions {
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  readonly seconds: number;
  readonly quick: boolean;
  /** Options of s2ds that name the Docker Engine and the images. */
  readonly containers: readonly string[];
}

export interface Terminal {
  /** What is going on. */
  readonly tell: (line: string) => void;
  /** What was found out. */
  readonly print: (text: string) => void;
}

/** Measures the scenarios, prints the table of each as soon as it is there, and answers all of it. */
export async function runBenchmark(
  options: RunOptions,
  { tell, print }: Terminal,
  signal: AbortSignal,
): Promise<Report> {
  const { rounds, seconds, quick, containers } = options;
  const startedAt = new Date().toISOString();
  await using folder = await temporaryFolder();
  const done: ScenarioReport[] = [];
  for (const [index, scenario] of options.scenarios.entries()) {
    tell(`${scenario.title} (${index + 1} of ${options.scenarios.length})`);
    const own = path.join(folder.path, String(index));
    await mkdir(own, { mode: 0o700 });
    const report = await runScenario(scenario, { rounds, seconds, quick, containers, folder: own, tell, signal });
    print(scenarioTable(report));
    done.push(report);
  }
  const report = fullReport({
    startedAt,
    settings: { rounds, seconds, quick },
    machine: thisMachine(),
    scenarios: done,
  });
  print(verdictTable(report.targets));
  return report;
}

async function runScenario(scenario: Scenario, context: Context): Promise<ScenarioReport> {
  const missing = missingPrograms(scenario.needs);
  if (missing.length > 0) return scenarioReport(scenario, [], missing.join('; '));
  return scenarioReport(scenario, await scenario.run(context));
}
