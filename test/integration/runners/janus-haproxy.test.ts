import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { until } from '../../../src/core/until.js';
import { isRunning } from '../../../src/platform/child.js';
import { descendants } from '../../support/descendants.js';
import { freePort } from '../../support/engine.js';
import { bed, jobFor } from '../../support/janus/bed.js';
import { generations } from '../../support/janus/generations.js';
import { Payload } from '../../support/payload.js';
import { requirePrograms } from '../../support/requires.js';
import { accepts, connect, echo, exchange, hashAll, readAll, saying } from '../../support/tcp.js';

const there = requirePrograms({
  name: 'haproxy',
  check: ['/usr/sbin/haproxy', '-v'],
  hint: 'apt-get install haproxy',
});

function configuration(port: number, target: string): string {
  return [
    'defaults',
    ' mode tcp',
    ' timeout connect 5s',
    ' timeout client 1m',
    ' timeout server 1m',
    'listen stream',
    ` bind 127.0.0.1:${port}`,
    ` server one ${target}`,
    '',
  ].join('\n');
}

describe.runIf(there).each(generations)('haproxy behind Janus of %s', (generation) => {
  it('carries 8 MB unchanged, is reloaded by a signal and is gone after disposal', async () => {
    const run = ({ arguments: given }: { arguments: readonly string[] }) =>
      spawn('/usr/sbin/haproxy', given, { stdio: ['ignore', 'pipe', 'pipe'] });
    const here = await bed({ generation, run });
    const job = await jobFor(here);
    const file = path.join(job.place.folder, 'haproxy.cfg');
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    const target = await echo();
    await writeFile(file, configuration(port, target.address), { mode: 0o600 });

    const running = await here.runner.start(job);
    await until('haproxy listening', 10_000, () => accepts(address));
    const [container] = here.janus.containers.all.values();
    const master = container?.process?.pid ?? 0;
    const payload = new Payload(8);
    const socket = await connect(address);
    const [received] = await Promise.all([hashAll(socket), payload.sendTo(socket)]);
    expect(received).toEqual({ hash: payload.hash, bytes: payload.bytes });

    const open = await connect(address);
    open.write('before');
    await once(open, 'readable');
    const next = await saying('the new one');
    await writeFile(file, configuration(port, next.address), { mode: 0o600 });
    await running.signal('SIGUSR2');
    await until('the new target', 10_000, async () => (await exchange(address, '')) === 'the new one');
    open.end(' and after');
    expect((await readAll(open)).toString()).toBe('before and after');

    const processes = [master, ...(await descendants(master))];
    expect(processes.length).toBeGreaterThan(1);
    await running[Symbol.asyncDispose]();
    await here.runner.end(job.id);
    expect(processes.filter(isRunning)).toEqual([]);
    expect(await accepts(address)).toBe(false);
  });

  it('reports with its own words when it refuses its configuration', async () => {
    const run = ({ arguments: given }: { arguments: readonly string[] }) =>
      spawn('/usr/sbin/haproxy', given, { stdio: ['ignore', 'pipe', 'pipe'] });
    const here = await bed({ generation, run });
    const job = await jobFor(here);
    await writeFile(path.join(job.place.folder, 'haproxy.cfg'), 'nonsense\n', { mode: 0o600 });
    await using running = await here.runner.start(job);
    expect(await running.ended).toMatch(/does not run; .*haproxy.cfg/);
  });
});
