import { appendFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addEnded, SessionLog } from './session-log.js';

const none = { refused: 0, bytesIn: 0, bytesOut: 0 };

async function logFolder(): Promise<{ folder: string; log: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'scistream-log-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { folder, log: path.join(folder, 'access.log') };
}

describe('the log of ended connections', () => {
  it('adds up lines, and passes over what is none', () => {
    const text = '200 10 7\n502 3 0\nstrange\n200 1 2 3\n200 9007199254740000 1\n';
    expect(addEnded(none, text)).toEqual({ refused: 1, bytesIn: 9_007_199_254_740_013, bytesOut: 8 });
  });

  it('reads on where it stopped, whole lines only', async () => {
    const { folder, log } = await logFolder();
    const reader = new SessionLog(folder);
    expect(await reader.read()).toEqual(none);
    await writeFile(log, '200 1 2\n200 10 2');
    expect(await reader.read()).toEqual({ ...none, bytesIn: 1, bytesOut: 2 });
    await appendFile(log, '0\n502 0 0\n');
    expect(await reader.read()).toEqual({ refused: 1, bytesIn: 11, bytesOut: 22 });
  });

  it('empties a long log and keeps its sums, also for the next reader', async () => {
    const { folder, log } = await logFolder();
    const reader = new SessionLog(folder, 100);
    await writeFile(log, '200 1 1\n'.repeat(20));
    expect(await reader.read()).toMatchObject({ bytesIn: 20 });
    expect((await stat(log)).size).toBe(0);
    await appendFile(log, '200 5 5\n');
    expect(await reader.read()).toMatchObject({ bytesIn: 25 });
    expect(await new SessionLog(folder).read()).toMatchObject({ bytesIn: 25 });
  });

  it('counts no line twice when an agent died between summing up and emptying', async () => {
    const { folder, log } = await logFolder();
    const text = '200 1 1\n'.repeat(20);
    await writeFile(log, text);
    await new SessionLog(folder, 100).read();
    await writeFile(log, `${text}200 5 5\n`);
    expect(await new SessionLog(folder).read()).toMatchObject({ bytesIn: 25 });
  });
});
