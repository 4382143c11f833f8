import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { adoptedProcess } from '../../../src/data/runners/process/main-process.js';
import { Supervised } from '../../../src/data/runners/process/supervised.js';
import type { Job } from '../../../src/data/runners/runner.js';
import { until } from '../../../src/core/until.js';
import { groupMembers, identityOf, inspect, sendSignal } from '../../../src/platform/processes.js';
import {
  agentThatStarted,
  haproxyJob,
  isFree,
  mainPid,
  nginxJob,
  nginxProcesses,
  proxyPackages,
  serves,
  Workbench,
} from '../../support/processes.js';
import { Program } from '../../support/program.js';
import { requirePrograms } from '../../support/requires.js';
import { accepts, connect, echo, exchange, readAll } from '../../support/tcp.js';
import { endLeft } from '../../support/runners.js';

const able = requirePrograms(...proxyPackages);

/** Starts the job in another agent, which crashes. */
async function orphaned(bench: Workbench, job: Job): Promise<number> {
  const agent = await agentThatStarted(bench, job);
  await agent.kill('SIGKILL');
  return mainPid(job);
}

function hasGone(pid: number): Promise<true> {
  return until(`the end of process ${pid}`, 10_000, () => !inspect(pid)?.runs);
}

describe.runIf(able)('after a crash of the agent', () => {
  it('R5 HAProxy serves on, open connections too, and obeys the next agent', async () => {
    const bench = await Workbench.make();
    const { address: target } = await echo();
    const { job, address } = await haproxyJob(bench, target);
    const agent = await agentThatStarted(bench, job);
    await serves(address);
    const open = await connect(address);
    open.write('before, ');
    await agent.kill('SIGKILL');
    const pid = await mainPid(job);

    const adopted = await bench.runner.adopt(job);
    open.end('after');
    expect((await readAll(open)).toString()).toBe('before, after');
    expect(await exchange(address, 'new')).toBe('new');
    await adopted?.[Symbol.asyncDispose]();
    await hasGone(pid);
    expect(await accepts(address)).toBe(false);
    expect(existsSync(`${job.place.folder}/process.json`)).toBe(false);
  });

  it('nginx reloads for the next agent, which hears of its end', async () => {
    const bench = await Workbench.make();
    const { address: target } = await echo();
    const { job, address } = await nginxJob(bench, target);
    const master = await orphaned(bench, job);
    await serves(address);
    const before = await nginxProcesses(master);
    const adopted = await bench.runner.adopt(job);
    await adopted?.signal('SIGHUP');
    await until('new workers', 10_000, async () => {
      const now = await nginxProcesses(master);
      return now.every((pid) => pid === master || !before.includes(pid));
    });
    expect(await exchange(address, 'hello')).toBe('hello');
    sendSignal(master, 'SIGKILL');
    expect(await adopted?.ended).toMatch(/^it ended; an earlier agent had started it/);
    expect(await groupMembers(master)).toEqual([]);
    await isFree(address);
  });

  it('R5 the workers of an nginx whose master died meanwhile are ended', async () => {
    const bench = await Workbench.make();
    const { address: target } = await echo();
    const { job, address } = await nginxJob(bench, target);
    const master = await orphaned(bench, job);
    await serves(address);
    await nginxProcesses(master);
    sendSignal(master, 'SIGKILL');
    await hasGone(master);
    expect(await exchange(address, 'still served')).toBe('still served');
    expect(await bench.runner.adopt(job)).toBeUndefined();
    expect(await groupMembers(master)).toEqual([]);
    const again = await bench.start(job);
    await serves(address);
    await again[Symbol.asyncDispose]();
  });

  it('what belongs to no reservation is ended and removed, the rest stays', async () => {
    const bench = await Workbench.make();
    const { address: target } = await echo();
    const stale = await haproxyJob(bench, target, 'stale');
    const kept = await haproxyJob(bench, target, 'kept');
    const headless = await nginxJob(bench, target, 'headless');
    const pids = await Promise.all([stale, kept, headless].map(({ job }) => orphaned(bench, job)));
    await Promise.all([stale, kept, headless].map(({ address }) => serves(address)));
    await nginxProcesses(pids[2] ?? 0);
    sendSignal(pids[2] ?? 0, 'SIGKILL');
    await bench.script('', 'never-started');
    await writeFile(`${(await bench.script('', 'garbled')).place.folder}/process.json`, '{"pid":-1}');

    await endLeft(bench.runner, ['kept']);
    expect(await readdir(bench.folder)).toEqual(['kept', 'kept.process']);
    expect(await Promise.all([stale, kept, headless].map(({ address }) => accepts(address)))).toEqual([
      ...[false, true, false],
    ]);
  });
});

/** A group of two that has the id of the process of which a record in the job's folder tells. */
async function strangers({ place: { folder } }: Job) {
  const leader = new Program('setsid', ['sh', '-c', 'sleep 600 > /dev/null 2>&1 & echo up; wait']);
  await leader.shows(/up/);
  const pid = leader.process.pid ?? 0;
  const member = (await groupMembers(pid)).find((info) => info.pid !== pid)?.pid ?? 0;
  onTestFinished(() => void sendSignal(member, 'SIGKILL'));
  const record = { pid, identity: `another-boot/${inspect(pid)?.startTicks ?? 0}`, command: '/bin/sleep' };
  const writeRecord = () => writeFile(`${folder}/process.json`, JSON.stringify(record));
  await writeRecord();
  const alive = () => [pid, member].map((id) => identityOf(id) !== undefined);
  return { leader, record, writeRecord, alive };
}

describe('a record', () => {
  it('of a process that has ended never leads to another one with its id', async () => {
    const bench = await Workbench.make();
    const job = await bench.script('');
    const { leader, writeRecord, alive } = await strangers(job);
    expect(await bench.runner.adopt(job)).toBeUndefined();
    expect(alive()).toEqual([true, true]);
    // Once its leader has gone, the strangers' group is known by where it runs.
    await leader.kill('SIGKILL');
    await writeRecord();
    expect(await bench.runner.adopt(job)).toBeUndefined();
    expect(alive()).toEqual([false, true]);
  });

  it('of a process that ends after it was adopted does neither', async () => {
    const bench = await Workbench.make();
    const job = await bench.script('');
    const { leader, record, writeRecord, alive } = await strangers(job);
    const { folder } = job.place;
    const end = async (): Promise<void> => {
      const main = adoptedProcess(record.pid, record.identity);
      const adopted = new Supervised({ main, name: 'sleep', folder, graceMs: 1_000, logger: bench.log.logger });
      expect(await adopted.ended).toMatch(/^it ended/);
      expect(existsSync(`${folder}/process.json`)).toBe(false);
    };
    await end();
    expect(alive()).toEqual([true, true]);
    await leader.kill('SIGKILL');
    await writeRecord();
    await end();
    expect(alive()).toEqual([false, true]);
  });

  it('that is not one is ignored', async () => {
    const bench = await Workbench.make();
    const job = await bench.script('');
    for (const text of ['', '{', '{"pid":1,"identity":"x","command":"y"}', '{"pid":-1,"identity":"x","command":"y"}']) {
      await writeFile(`${job.place.folder}/process.json`, text);
      expect(await bench.runner.adopt(job)).toBeUndefined();
    }
    expect(bench.log.lines.filter(({ msg }) => /cannot be read/.test(msg))).toHaveLength(4);
  });

  it('is absent: nothing is adopted', async () => {
    const bench = await Workbench.make();
    expect(await bench.runner.adopt(await bench.script(''))).toBeUndefined();
  });
});
