import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../../../src/core/until.js';
import { groupMembers, inspect, sendSignal } from '../../../src/platform/processes.js';
import {
  freeAddress,
  haproxyJob,
  isFree,
  mainPid,
  nginxJob,
  nginxProcesses,
  proxyPackages,
  serves,
  stunnel,
  Workbench,
} from '../../support/processes.js';
import { requirePrograms } from '../../support/requires.js';
import { accepts, echo, exchange } from '../../support/tcp.js';
import { connectPsk } from '../../support/tls.js';

const able = requirePrograms(...proxyPackages);

describe('a program that prints', () => {
  it('R4 is read on and on: megabytes do not stop it, and reach the log at debug level', async () => {
    const bench = await Workbench.make();
    const job = await bench.script(
      'yes "a line of forty characters, more or less" | head -c 3000000; echo; yes "to the other" | head -c 1000000 >&2; ' +
        'printf "%09000d" 0; echo; echo >&2; echo done >&2; exec sleep 600',
    );
    await bench.start(job);
    await bench.prints(/^done$/);
    expect(new Set(bench.log.lines.map(({ level }) => level))).toEqual(new Set([20]));
    expect(bench.log.lines.length).toBeGreaterThan(100_000);
    // One line of 9000 zeros comes in pieces.
    expect(bench.log.lines.filter(({ msg }) => msg.length > 4_096)).toEqual([]);
    expect(bench.log.lines.filter(({ msg }) => /^0+$/.test(msg)).map(({ msg }) => msg.length)).toEqual([
      4_096, 4_096, 808,
    ]);
  });

  it.runIf(able)('R4 stunnel at its most talkative serves connection after connection', async () => {
    const bench = await Workbench.make();
    const { address: target } = await echo();
    const address = await freeAddress();
    const key = '0123456789abcdef'.repeat(4);
    const configuration = [
      'foreground = yes',
      'debug = 7',
      'pid =',
      '[s]',
      `accept = ${address}`,
      `connect = ${target}`,
      'ciphers = PSK',
      'sslVersion = TLSv1.3',
      'PSKsecrets = keys',
      '',
    ].join('\n');
    const files = { 's.conf': configuration, keys: `scistream:${key}\n` };
    const running = await bench.start(await bench.job(stunnel, files, (dir) => [`${dir}/s.conf`]));
    await serves(address);
    for (let connection = 0; connection < 24; connection++) {
      const secured = await connectPsk(address, Buffer.from(key, 'hex'), { identity: 'scistream' });
      secured.end('hello');
      let answer = '';
      for await (const chunk of secured.setEncoding('utf8')) answer += String(chunk);
      expect(answer).toBe('hello');
    }
    const printed = bench.log.lines.reduce((sum, { msg }) => sum + msg.length, 0);
    expect(printed).toBeGreaterThan(65_536);
    await running[Symbol.asyncDispose]();
    expect(await accepts(address)).toBe(false);
  });
});

describe('a program that ends by itself', () => {
  it('says with which exit code, and what it printed last', async () => {
    const bench = await Workbench.make();
    const running = await bench.start(await bench.script('echo first; echo "cannot bind" >&2; exit 3'));
    expect(await running.ended).toBe('it ended with exit code 3: cannot bind');
    await expect(running.signal('SIGHUP')).rejects.toMatchObject({ code: 'SERVER_ERR' });
    await running[Symbol.asyncDispose]();
  });

  it('takes its children along, which hold its ports and its pipes', async () => {
    const bench = await Workbench.make();
    const job = await bench.script('sleep 600 & sleep 600 & echo $$; exit 0');
    const running = await bench.start(job);
    const [, pid = ''] = /^it ended with exit code 0: (\d+)$/.exec(await running.ended) ?? [];
    expect(pid).not.toBe('');
    expect(await groupMembers(Number(pid))).toEqual([]);
    expect(existsSync(`${job.place.folder}/process.json`)).toBe(false);
  });

  it.runIf(able)(
    'R5 nginx whose master was killed serves no more, and can be started again at the same port',
    async () => {
      const bench = await Workbench.make();
      const { address: target } = await echo();
      const { job, address } = await nginxJob(bench, target);
      const running = await bench.start(job);
      await serves(address);
      const processes = await nginxProcesses(await mainPid(job));
      sendSignal(await mainPid(job), 'SIGKILL');
      expect(await running.ended).toBe('it was ended by SIGKILL');
      expect(processes.filter((pid) => inspect(pid)?.runs)).toEqual([]);
      const again = await bench.start(job);
      await serves(address);
      expect(await exchange(address, 'again')).toBe('again');
      await again[Symbol.asyncDispose]();
    },
  );
});

describe('a program that is ended', () => {
  it.runIf(able)('R5 R13 leaves no process, no zombie and no listener', async () => {
    const bench = await Workbench.make();
    const { address: target } = await echo();
    const jobs = [await haproxyJob(bench, target, 'h'), await nginxJob(bench, target, 'n')];
    for (const { job, address } of jobs) {
      const running = await bench.start(job);
      await serves(address);
      expect(await exchange(address, 'hello')).toBe('hello');
      const pid = await mainPid(job);
      if (job.id === 'n') await nginxProcesses(pid);
      await running[Symbol.asyncDispose]();
      // A zombie would still be there.
      expect(inspect(pid)).toBeUndefined();
      expect(await groupMembers(pid)).toEqual([]);
      await isFree(address);
      await bench.runner.end(job.id);
    }
    expect(await readdir(bench.folder)).toEqual([]);
  });

  it('R13 is killed with its children when it does not heed SIGTERM', async () => {
    const bench = await Workbench.make({ graceMs: 100 });
    const job = await bench.script('trap "" TERM; sleep 600 & echo deaf; while true; do sleep 0.1; done');
    const running = await bench.start(job);
    await bench.prints(/deaf/);
    const pid = await mainPid(job);
    await Promise.all([running[Symbol.asyncDispose](), running[Symbol.asyncDispose]()]);
    expect(inspect(pid)).toBeUndefined();
    expect(await groupMembers(pid)).toEqual([]);
    expect(bench.log.lines.some(({ msg }) => /did not end within 100 ms of SIGTERM/.test(msg))).toBe(true);
  });

  it('is heard no more: nobody is told that it ended', async () => {
    const bench = await Workbench.make();
    const running = await bench.start(await bench.script('echo up; exec sleep 600'));
    await bench.prints(/up/);
    let told = false;
    void running.ended.then(() => (told = true));
    await running[Symbol.asyncDispose]();
    await until('its end being known', 5_000, () =>
      running.signal('SIGHUP').then(
        () => false,
        () => true,
      ),
    );
    expect(told).toBe(false);
  });
});

it('a signal reaches the program, but no group of the terminal does', async () => {
  const bench = await Workbench.make();
  const job = await bench.script('trap "echo reloaded" HUP; echo up; while true; do sleep 0.05; done');
  const running = await bench.start(job);
  await bench.prints(/up/);
  await running.signal('SIGHUP');
  await bench.prints(/reloaded/);
  const pid = await mainPid(job);
  expect(inspect(pid)).toMatchObject({ group: pid, session: pid });
});
