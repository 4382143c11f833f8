import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { until } from '../../src/core/until.js';
import { isRunning } from '../../src/platform/child.js';
import { descendants } from '../support/descendants.js';
import { temporaryDir } from '../support/facility.js';
import { Program } from '../support/program.js';

const summary = z.object({
  messages: z.number(),
  bytes: z.number(),
  sha256: z.object({ sent: z.string().length(64), received: z.string() }),
});

describe('the demo', () => {
  it('streams through both facilities, proves it and leaves nothing', async () => {
    const { demo, dir } = await startDemo(['--messages', '40', '--json']);
    const { code, stdout, stderr } = await demo.finished;
    expect(code, stderr).toBe(0);
    const { sha256, ...counts } = summary.parse(JSON.parse(stdout));
    expect(counts).toEqual({ messages: 40, bytes: 40 << 20 });
    expect(sha256.received).toBe(sha256.sent);
    expect(await readdir(dir)).toEqual([]);
  });

  it('leaves nothing when it is interrupted in the middle of the stream', async () => {
    const { demo, dir } = await startDemo(['--messages', '100000']);
    await demo.shows(/Stream .* consumer/, 'stderr');
    const children = await descendants(demo.process.pid ?? 0);
    expect(children.length).toBeGreaterThanOrEqual(3);
    const { code } = await demo.kill('SIGINT');
    expect(code).toBe(130);
    await until('the end of all its processes', 5_000, () => children.every((pid) => !isRunning(pid)));
    expect(await readdir(dir)).toEqual([]);
  });
});

async function startDemo(args: readonly string[]): Promise<{ demo: Program; dir: string }> {
  const dir = await temporaryDir();
  expect(dir.startsWith(tmpdir())).toBe(true);
  const demo = new Program(process.execPath, ['build/examples/demo/main.js', ...args], { env: { TMPDIR: dir } });
  return { demo, dir };
}
