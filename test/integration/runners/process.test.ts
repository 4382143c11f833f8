import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspect } from '../../../src/platform/processes.js';
import { temporaryDir } from '../../support/facility.js';
import {
  haproxy,
  haproxyJob,
  nginx,
  nginxJob,
  notExecutable,
  proxyPackages,
  stunnel,
  Workbench,
} from '../../support/processes.js';
import { requirePrograms } from '../../support/requires.js';

const able = requirePrograms(...proxyPackages);

describe('the process runner, asked whether it can run a program', () => {
  it.runIf(able)('tells the versions of the real ones', async () => {
    const { runner } = await Workbench.make();
    for (const program of [haproxy, nginx, stunnel]) {
      const form: unknown = expect.stringMatching(/^\d+\.\d+/);
      expect(await runner.check(program)).toEqual({ available: true, version: form });
    }
  });

  it('says what to install, or what else to do', async () => {
    const { runner } = await Workbench.make();
    const denied = await notExecutable(await temporaryDir());
    expect(await runner.check({ ...haproxy, commands: ['/no/such/haproxy', 'no-such-haproxy'] })).toEqual({
      available: false,
      reason: 'haproxy is not installed; install the Debian package haproxy.',
    });
    expect(await runner.check({ ...nginx, commands: ['no-such-nginx'] })).toEqual({
      available: false,
      reason: 'nginx is not installed; install the Debian packages nginx-core and libnginx-mod-stream.',
    });
    expect(await runner.check({ ...haproxy, commands: [denied, 'no-such-haproxy'] })).toEqual({
      available: false,
      reason: `haproxy (${denied}, no-such-haproxy) may not be run by this user; allow it to.`,
    });
    const broken = {
      ...haproxy,
      commands: ['/bin/sh'],
      versionArguments: ['-c', 'echo no library; exit 127'],
    } as const;
    expect(await runner.check(broken)).toEqual({
      available: false,
      reason: '/bin/sh cannot be run: no library',
    });
    expect(await runner.check({ ...broken, versionArguments: ['-c', 'echo hello'] })).toEqual({ available: true });
  });
});

describe('places', () => {
  it('are private, and found again', async () => {
    const { runner } = await Workbench.make();
    const place = await runner.place('5f0c3f0e-7d1c-4bd4-8f7a-2f4f3f6f8a11');
    expect((await stat(place.folder)).mode & 0o777).toBe(0o700);
    expect((await stat(path.dirname(place.folder))).mode & 0o777).toBe(0o700);
    await writeFile(path.join(place.folder, 'key'), 'secret');
    expect(await runner.place('5f0c3f0e-7d1c-4bd4-8f7a-2f4f3f6f8a11')).toEqual(place);
    expect(place.seenAs).toBe(place.folder);
    await runner.end('5f0c3f0e-7d1c-4bd4-8f7a-2f4f3f6f8a11');
    expect(existsSync(place.folder)).toBe(false);
  });

  it('S3 never lie outside their folder, whatever the id says', async () => {
    const { runner, folder } = await Workbench.make();
    const hostile = ['', '.', '..', '../x', '/etc/x', 'a/b', 'a\nb', '-rf', 'x'.repeat(65)];
    for (const id of hostile) await expect(runner.place(id)).rejects.toMatchObject({ code: 'BAD_FORMAT' });
    expect(await readdir(path.dirname(folder))).toEqual([]);
    await runner.place('kept');
    const outside = path.join(path.dirname(folder), 'outside');
    await mkdir(outside);
    for (const id of [...hostile, '../outside', 'kept/..', '/'])
      await expect(runner.end(id)).rejects.toMatchObject({ code: 'BAD_FORMAT' });
    expect(await readdir(path.dirname(folder))).toEqual(['outside', 'runs']);
    expect(await readdir(folder)).toEqual(['kept', 'kept.process']);
  });
});

describe.runIf(able)('a configuration', () => {
  it('is accepted by the program itself', async () => {
    const bench = await Workbench.make();
    await bench.runner.verify((await haproxyJob(bench, '127.0.0.1:1', 'a')).job);
    await bench.runner.verify((await nginxJob(bench, '127.0.0.1:1', 'b')).job);
    await bench.runner.verify(await bench.script('exit 1', 'c'));
  });

  it('is refused in the words of the program, in one line', async () => {
    const bench = await Workbench.make();
    const { job } = await haproxyJob(bench, '127.0.0.1:1');
    await writeFile(`${job.place.folder}/h.cfg`, 'listen l\n nonsense here\n');
    const refusal: unknown = expect.stringMatching(
      /^haproxy does not accept its configuration: .*unknown keyword 'nonsense'.*Fatal errors.*$/,
    );
    await expect(bench.runner.verify(job)).rejects.toMatchObject({ code: 'SERVER_ERR', message: refusal });
  });

  it('is refused with a bounded quotation', async () => {
    const bench = await Workbench.make();
    const job = await bench.script('yes "it is wrong" | head -n 100000; echo the end; exit 1');
    const error = await bench.runner.verify({ ...job, checkArguments: job.arguments }).catch(String);
    expect(error).toMatch(/^SciStreamError: haproxy does not accept its configuration: ….*it is wrong; the end$/);
    expect(String(error).length).toBeLessThan(600);
  });
});

describe('a program that cannot be started', () => {
  it('is an error that says what to do', async () => {
    const bench = await Workbench.make();
    const job = await bench.job({ ...haproxy, commands: ['no-such-haproxy'] }, {}, () => []);
    await expect(bench.runner.start(job)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'haproxy is not installed; install the Debian package haproxy.',
    });
    const denied = { ...haproxy, commands: [await notExecutable(job.place.folder)] } as const;
    await expect(bench.runner.start({ ...job, program: denied })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(bench.runner.verify({ ...job, checkArguments: [] })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('is not left running when its record cannot be written', async () => {
    const bench = await Workbench.make();
    const job = await bench.script('echo $$ > pid; exec sleep 600');
    await mkdir(`${job.place.folder}/process.json/in-the-way`, { recursive: true });
    await expect(bench.runner.start(job)).rejects.toMatchObject({
      code: 'SERVER_ERR',
      message: expect.stringMatching(/^haproxy was stopped again, as .* cannot be written to/) as unknown,
    });
    // It may have been killed before it came to write that.
    const pid = Number(await readFile(`${job.place.folder}/pid`, 'utf8').catch(() => '')) || undefined;
    expect(pid === undefined ? undefined : inspect(pid)).toBeUndefined();
  });
});
