import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { until } from '../../src/core/until.js';
import { isRunning } from '../../src/platform/child.js';
import { descendants } from '../support/descendants.js';
import { canRunDocker, dockerEngine, engineArguments } from '../support/docker.js';
import { temporaryDir } from '../support/facility.js';
import { proxyPackages } from '../support/processes.js';
import { Program } from '../support/program.js';
import { requirePrograms } from '../support/requires.js';

const value = z.object({
  median: z.number(),
  min: z.number(),
  max: z.number(),
  samples: z.array(z.number()).length(1),
});
const report = z.object({
  scenarios: z.array(
    z.object({
      name: z.string(),
      metrics: z.array(z.object({ key: z.string() })),
      arms: z.array(
        z.object({ name: z.string(), values: z.record(z.string(), value), problem: z.string().optional() }),
      ),
    }),
  ),
  targets: z.array(z.object({ title: z.string(), outcome: z.enum(['reached', 'missed', 'not measured']) })),
});

/** These need no program of others. */
const small = ['--quick', '--rounds', '1', '--seconds', '1', '--only'];

describe('the benchmark', () => {
  it('measures every arm that can run here, writes what it found and leaves nothing', async () => {
    const { bench, dir, tmp } = await startBench([...small, 'zeromq-1m,reserve'], ['bench.json', 'bench.html']);
    const pids = await whileRunning(bench);
    const { code, stdout, stderr } = await bench.finished;
    expect(code, stderr).toBe(0);
    const { scenarios, targets } = report.parse(JSON.parse(await readFile(path.join(dir, 'bench.json'), 'utf8')));
    expect(scenarios.map(({ name, arms }) => [name, ...arms.map((arm) => arm.name)])).toEqual([
      ['zeromq-1m', 'direct', 'relay', 'relay-two-hops', 'relay-encrypted'],
      ['reserve', 'relay', 'relay-portable'],
    ]);
    for (const { metrics, arms } of scenarios) {
      for (const { name, values, problem } of arms) {
        // The only one that needs more of the system than sockets.
        if (name === 'relay-encrypted' && problem !== undefined) continue;
        expect(problem, name).toBeUndefined();
        for (const { key } of metrics) expect(values[key]?.median, `${name} ${key}`).toBeGreaterThan(0);
      }
    }
    const measured = targets.filter(({ outcome }) => outcome !== 'not measured').map(({ title }) => title);
    expect(measured).toEqual(['ZeroMQ, 1 MiB: two plain hops / direct', 'Reserve and Update, p50']);
    expect(stdout).toMatch(/^ZeroMQ PUSH\/PULL, messages of 1 MiB$.*^Targets$/ms);
    const page = await readFile(path.join(dir, 'bench.html'), 'utf8');
    expect(page.match(/<svg /g)?.length).toBe(5);
    expect(page).not.toMatch(/<script|<link|src=/);
    await goneWithAll(pids, tmp);
  });

  it.runIf(canRunDocker() && requirePrograms(...proxyPackages))(
    'measures the first byte through every data server type, also those in containers',
    async () => {
      const args = ['--quick', '--rounds', '1', '--only', 'first-byte', ...engineArguments(await dockerEngine())];
      const { bench, dir, tmp } = await startBench(args, ['bench.json']);
      const pids = await whileRunning(bench);
      const { code, stderr } = await bench.finished;
      expect(code, stderr).toBe(0);
      const { scenarios } = report.parse(JSON.parse(await readFile(path.join(dir, 'bench.json'), 'utf8')));
      const arms = scenarios.flatMap((scenario) => scenario.arms);
      const proxies = ['haproxy', 'nginx', 'stunnel'];
      expect(arms.map(({ name, problem }) => [name, problem])).toEqual(
        ['relay', ...proxies.map((name) => `${name}-process`), ...proxies.map((name) => `${name}-docker`)].map(
          (name) => [name, undefined],
        ),
      );
      await goneWithAll(pids, tmp);
    },
  );

  it('leaves nothing when it is interrupted in the middle of a measurement', async () => {
    const { bench, tmp } = await startBench([...small, 'zeromq-1m', '--seconds', '60']);
    await bench.shows(/round 1 of 1/, 'stderr');
    const pids = await descendants(bench.process.pid ?? 0);
    expect(pids.length).toBeGreaterThanOrEqual(3);
    const { code, stderr } = await bench.kill('SIGINT');
    expect(code, stderr).toBe(130);
    expect(stderr).toMatch(/^Stopped by SIGINT\.$/m);
    await goneWithAll(pids, tmp);
  });

  it('names the scenarios there are when one is asked for that is not', async () => {
    const { bench } = await startBench(['--only', 'plane']);
    const { code, stderr } = await bench.finished;
    expect(code).toBe(2);
    expect(stderr).toMatch(/no scenario "plane".*plain-1.*reserve/);
  });
});

async function startBench(
  args: readonly string[],
  [json, html]: readonly string[] = [],
): Promise<{ bench: Program; dir: string; tmp: string }> {
  const [dir, tmp] = await Promise.all([temporaryDir(), temporaryDir()]);
  const files = [...(json ? ['--json', path.join(dir, json)] : []), ...(html ? ['--html', path.join(dir, html)] : [])];
  const command = ['build/bench/bench/main.js', ...args, ...files];
  return { bench: new Program(process.execPath, command, { env: { TMPDIR: tmp } }), dir, tmp };
}

/** Every process that the benchmark was seen to have. */
async function whileRunning(bench: Program): Promise<number[]> {
  const seen = new Set<number>();
  await until('the end of the benchmark', 60_000, async () => {
    for (const pid of await descendants(bench.process.pid ?? 0)) seen.add(pid);
    return !bench.running;
  });
  expect(seen.size).toBeGreaterThanOrEqual(3);
  return [...seen];
}

async function goneWithAll(pids: readonly number[], tmp: string): Promise<void> {
  await until('the end of all its processes', 5_000, () => pids.every((pid) => !isRunning(pid)));
  expect(await readdir(tmp)).toEqual([]);
}
