import { readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDir } from '../../../../test/support/facility.js';
import { logLines } from '../../../../test/support/processes.js';
import { Totals } from './totals.js';

const { logger } = logLines();

async function place(): Promise<{ folder: string; file: string }> {
  const folder = await temporaryDir();
  return { folder, file: path.join(folder, 'totals.json') };
}

describe('the totals of a reservation', () => {
  it('go on from program to program, and none of its connections is open when it has ended', async () => {
    const totals = await Totals.open((await place()).folder, logger);
    expect(totals.value).toEqual({});
    await totals.set({ bytesIn: 10, openConnections: 3, totalConnections: 4, rttUs: 50 });
    expect(totals.value).toEqual({ bytesIn: 10, openConnections: 3, totalConnections: 4, rttUs: 50 });
    await totals.restart();
    expect(totals.value).toEqual({ bytesIn: 10, openConnections: 0, totalConnections: 4 });
    await totals.restart();
    await totals.set({ bytesIn: 1, bytesOut: 2, openConnections: 1, totalConnections: 1 });
    expect(totals.value).toEqual({ bytesIn: 11, bytesOut: 2, openConnections: 1, totalConnections: 5 });
  });

  it('do not go back when a program estimates less than before', async () => {
    const totals = await Totals.open((await place()).folder, logger);
    await totals.set({ bytesIn: 10, bytesOut: 20 });
    await totals.set({ bytesIn: 9, bytesOut: 21 });
    expect(totals.value).toEqual({ bytesIn: 10, bytesOut: 21 });
  });

  it('leave out what the program does not know now, and come back no lower', async () => {
    const { folder } = await place();
    const totals = await Totals.open(folder, logger);
    await totals.set({ bytesIn: 0, totalConnections: 0 });
    await totals.set({ totalConnections: 1 });
    expect(totals.value).toEqual({ totalConnections: 1 });
    await totals.set({ bytesIn: 10, totalConnections: 1 });
    expect(totals.value).toEqual({ bytesIn: 10, totalConnections: 1 });
    await totals.set({ totalConnections: 2 });
    // Nor does the next agent know it before the program tells.
    const next = await Totals.open(folder, logger);
    expect(next.value).toEqual({ totalConnections: 2 });
    await next.set({ bytesIn: 4, totalConnections: 2 });
    expect(next.value).toEqual({ bytesIn: 10, totalConnections: 2 });
    await next.set({ totalConnections: 3 });
    // Its connections are over, and what was not known of them is lost.
    await next.restart();
    expect(next.value).toEqual({ bytesIn: 10, openConnections: 0, totalConnections: 3 });
    await next.set({ bytesIn: 1, totalConnections: 1 });
    expect(next.value).toEqual({ bytesIn: 11, totalConnections: 4 });
  });

  it('are read from a file that says nothing of what is left out', async () => {
    const { folder, file } = await place();
    await writeFile(file, '{"ended":{"bytesIn":1},"current":{"bytesIn":2}}');
    expect((await Totals.open(folder, logger)).value).toEqual({ bytesIn: 3 });
  });

  it('are those of the next agent, which finds the same program or another one', async () => {
    const { folder } = await place();
    const before = await Totals.open(folder, logger);
    await before.set({ bytesIn: 100 });
    await before.restart();
    await before.set({ bytesIn: 10, openConnections: 1 });
    const same = await Totals.open(folder, logger);
    expect(same.value).toEqual({ bytesIn: 110 });
    await same.set({ bytesIn: 12 });
    expect(same.value).toEqual({ bytesIn: 112 });
    const other = await Totals.open(folder, logger);
    await other.restart();
    await other.set({ bytesIn: 3 });
    expect(other.value).toEqual({ bytesIn: 115 });
    expect((await Totals.open(folder, logger)).value).toEqual({ bytesIn: 115 });
  });

  it('are told when they are in a file that nobody else reads, written when something has changed', async () => {
    const { folder, file } = await place();
    const totals = await Totals.open(folder, logger);
    await totals.restart();
    await totals.set({ openConnections: 1, rttUs: 7 });
    expect(await readdir(folder)).toEqual([]);
    const setting = totals.set({ bytesIn: 10 });
    expect(totals.value.bytesIn).toBeUndefined();
    await setting;
    expect(totals.value.bytesIn).toBe(10);
    const { mode, ino } = await stat(file);
    expect(mode & 0o777).toBe(0o600);
    await totals.set({ bytesIn: 10, openConnections: 1 });
    expect((await stat(file)).ino).toBe(ino);
  });

  it('are told, too, when they cannot be saved', async () => {
    const { folder } = await place();
    const totals = await Totals.open(folder, logger);
    await rm(folder, { recursive: true });
    await totals.set({ bytesIn: 10 });
    expect(totals.value).toEqual({ bytesIn: 10 });
  });

  it('start from zero beside a file that is not theirs, which is neither followed nor kept', async () => {
    const { folder, file } = await place();
    await writeFile(file, '{"ended":{"bytesIn":-1},"current":{}}');
    expect((await Totals.open(folder, logger)).value).toEqual({});
    const elsewhere = path.join(folder, 'elsewhere');
    await writeFile(elsewhere, '{"ended":{"bytesIn":1},"current":{}}');
    await rm(file);
    await symlink(elsewhere, file);
    const totals = await Totals.open(folder, logger);
    expect(totals.value).toEqual({});
    await totals.set({ bytesIn: 5 });
    expect(JSON.parse(await readFile(elsewhere, 'utf8'))).toEqual({ ended: { bytesIn: 1 }, current: {} });
  });
});
