import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
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
    expect(await readdir(bench.folder)).toEqual(['kept']);
    expect(await Promise.all([stale, kept, headless].map(({ address }) => accepts(address)))).toEqual([
      ...[false, true, false],
    ]);
  });
});

describe('a record', () => {
  it('of a process that has ended never leads to another one with its id', async () => {
    const bench = await Workbench.make();
    const job = await bench.script('');
    const stranger = new Program('setsid', ['sh', '-c', 'sleep 600 > /dev/null 2>&1 & echo up; wait']);
    await stranger.shows(/up/);
    const pid = stranger.process.pid ?? 0;
    const record = { pid, identity: `another-boot/${inspect(pid)?.startTicks ?? 0}`, command: '/bin/sleep' };
    await writeFile(`${job.place.folder}/process.json`, JSON.stringify(record));
    expect(await bench.runner.adopt(job)).toBeUndefined();
    // Once its leader has gone, the stranger's group is known by where it runs.
    const members = await groupMembers(pid);
    const left = members.filter((member) => member.pid !== pid);
    onTestFinished(() => {
      for (const member of left) sendSignal(member.pid, 'SIGKILL');
    });
    await stranger.kill('SIGKILL');
    await writeFile(`${job.place.folder}/process.json`, JSON.stringify(record));
    expect(await bench.runner.adopt(job)).toBeUndefined();
    expect(left.map((member) => identityOf(member.pid) !== undefined)).toEqual([true]);
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
