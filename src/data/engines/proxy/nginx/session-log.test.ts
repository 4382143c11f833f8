import { appendFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addEnded, sessionKey, SessionLog } from './session-log.js';

const none = { refused: 0, bytesIn: 0, bytesOut: 0 };

async function logFolder(): Promise<{ folder: string; log: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'scistream-log-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { folder, log: path.join(folder, 'access.log') };
}

describe('the log of ended connections', () => {
  it('adds up lines, and passes over what is none', () => {
    const ends = '192.0.2.7 40000 5000';
    const sums = { ...none };
    addEnded(sums, `200 10 7 ${ends}\n502 3 0 ${ends}\nstrange\n200 1 2 3\n200 9007199254740000 1 ${ends}\n`);
    expect(sums).toEqual({ refused: 1, bytesIn: 9_007_199_254_740_013, bytesOut: 8 });
  });

  it('R17 names connections as the system does', () => {
    const ended = addEnded({ ...none }, '200 1 1 ::ffff:192.0.2.7 4 5\n200 1 1 fe80::1 6 7\n');
    const system = [
      { host: '192.0.2.7', port: 4 },
      { host: 'fe80::1%eth0', port: 6 },
    ].map((client, index) => sessionKey(client, 5 + 2 * index));
    expect([...ended]).toEqual(system);
  });

  it('reads on where it stopped, whole lines only', async () => {
    const { folder, log } = await logFolder();
    const reader = new SessionLog(folder);
    expect((await reader.read()).sums).toEqual(none);
    await writeFile(log, '200 1 2 ::1 1 5\n200 10 20 ::1 1');
    expect(await reader.read()).toEqual({ sums: { ...none, bytesIn: 1, bytesOut: 2 }, news: new Set(['::1 1 5']) });
    await appendFile(log, '2 5\n502 0 0 ::1 13 5\n');
    expect(await reader.read()).toEqual({
      sums: { refused: 1, bytesIn: 11, bytesOut: 22 },
      news: new Set(['::1 12 5', '::1 13 5']),
    });
  });

  it('empties a long log and keeps its sums, also for the next reader', async () => {
    const { folder, log } = await logFolder();
    const reader = new SessionLog(folder, 100);
    await writeFile(log, '200 1 1 ::1 1 5\n'.repeat(20));
    expect((await reader.read()).sums.bytesIn).toBe(20);
    expect((await stat(log)).size).toBe(0);
    await appendFile(log, '200 5 5 ::1 1 5\n');
    expect((await reader.read()).sums.bytesIn).toBe(25);
    expect((await new SessionLog(folder).read()).sums.bytesIn).toBe(25);
  });

  it('misses no line of a log that has grown beyond its old length by the time of the next reader', async () => {
    const { folder, log } = await logFolder();
    await writeFile(log, '200 1 1 ::1 1 5\n'.repeat(20));
    await new SessionLog(folder, 100).read();
    await writeFile(log, '200 5 5 ::1 1 5\n'.repeat(30));
    expect((await new SessionLog(folder).read()).sums.bytesIn).toBe(20 + 150);
  });

  it('counts no line twice when an agent died between summing up and emptying', async () => {
    const { folder, log } = await logFolder();
    const text = '200 1 1 ::1 1 5\n'.repeat(20);
    const summed = { offset: text.length, sums: { ...none, bytesIn: 20, bytesOut: 20 } };
    await writeFile(path.join(folder, 'ended.json'), JSON.stringify(summed));
    await writeFile(log, `${text}200 5 5 ::1 1 5\n`);
    expect((await new SessionLog(folder).read()).sums.bytesIn).toBe(25);
  });
});
