import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { Deferred } from '../../../src/core/deferred.js';
import { Secret } from '../../../src/core/secret.js';
import { until } from '../../../src/core/until.js';
import { janusRunner } from '../../../src/data/runners/janus.js';
import { generations } from '../../support/janus/generations.js';
import { bed, haproxy, jobFor, password } from '../../support/janus/bed.js';
import { endLeft } from '../../support/runners.js';

describe.each(generations)('Janus of %s', (generation) => {
  it('starts a program in a private folder, signals it and leaves nothing', async () => {
    const here = await bed({ generation });
    const job = await jobFor(here);
    expect((await stat(job.place.folder)).mode & 0o777).toBe(0o700);
    const running = await here.runner.start(job);
    const [container] = here.janus.containers.all.values();
    expect(container).toMatchObject({ state: 'running', image: 'haproxy:2.6', arguments: job.arguments });
    await running.signal('SIGUSR2');
    here.janus.containers.commands = ['sh'];
    await running.signal('SIGHUP');
    expect(container?.signals).toEqual(['SIGUSR2', 'SIGHUP']);
    here.janus.containers.commands = [];
    await expect(running.signal('SIGHUP')).rejects.toThrow('use an image that has kill or sh');
    await running[Symbol.asyncDispose]();
    await here.runner.end(job.id);
    expect([here.janus.containers.all.size, here.janus.sessions.rows.size]).toEqual([0, 0]);
    await expect(stat(job.place.folder)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('says what Janus says when a container cannot be made or started, and deletes the session', async () => {
    const here = await bed({ generation });
    const job = await jobFor(here);
    const { failures } = here.janus.containers;
    failures.create = 'pull access denied for haproxy';
    await expect(here.runner.start(job)).rejects.toThrow('pull access denied for haproxy');
    expect(here.janus.sessions.rows.size).toBe(0);
    failures.create = undefined;
    failures.start = 'driver failed programming external connectivity';
    await expect(here.runner.start(job)).rejects.toMatchObject({
      code: 'SERVER_ERR',
      message: expect.stringContaining('driver failed programming external connectivity') as string,
    });
    expect([here.janus.containers.all.size, here.janus.sessions.rows.size]).toEqual([0, 0]);
    expect(await here.runner.adopt(job)).toBeUndefined();
  });

  it('runs an image that Janus could have from its second registry only, and says so when from neither', async () => {
    const here = await bed({ generation });
    const job = await jobFor(here);
    const { containers, sessions } = here.janus;
    containers.failures.pull = 'network is unreachable';
    const running = await here.runner.start(job);
    const [row] = sessions.rows.values();
    expect(row?.services['gateway']).toMatchObject([{ image: 'registry.ipv6.docker.com/haproxy:2.6', errors: [] }]);
    const adopted = await janusRunner(here.options).adopt(job);
    await adopted?.signal('SIGHUP');
    const [container] = containers.all.values();
    expect(container).toMatchObject({ image: 'registry.ipv6.docker.com/haproxy:2.6', signals: ['SIGHUP'] });
    await adopted?.[Symbol.asyncDispose]();
    await running[Symbol.asyncDispose]();
    containers.failures.pullAgain = 'manifest unknown';
    await expect(here.runner.start(job)).rejects.toThrow('manifest unknown');
    expect([containers.all.size, sessions.rows.size]).toEqual([0, 0]);
  });

  it('takes no program for started of which Janus tells errors, and deletes the session', async () => {
    const here = await bed({ generation });
    const job = await jobFor(here);
    const { containers, sessions } = here.janus;
    let state: string | undefined;
    here.janus.hold = (asked) => {
      if (asked.startsWith('PUT /stop')) state = [...sessions.rows.values()][0]?.state;
      return undefined;
    };
    containers.failures.postStart = 'the route could not be set';
    await expect(here.runner.start(job)).rejects.toMatchObject({
      code: 'SERVER_ERR',
      message: expect.stringMatching(/could not start the container on gateway .*the route could not be set/) as string,
    });
    expect(state).toBe('STARTED');
    expect([containers.all.size, sessions.rows.size]).toEqual([0, 0]);
    containers.failures.postStart = undefined;
    await using running = await here.runner.start(job);
    await running.signal('SIGHUP');
  });

  it('refuses in Janus’ own words a profile, an image, a node and a port that are not there', async () => {
    const here = await bed({ generation, profiles: { scistream: { ctrl_ports: [30000] } } });
    const job = await jobFor(here);
    const { images } = here.options;
    const start = (change: object): Promise<unknown> => janusRunner({ ...here.options, ...change }).start(job);
    await expect(start({ profile: 'other' })).rejects.toThrow('Profile other not found');
    await expect(start({ instances: ['elsewhere'] })).rejects.toThrow('Node elsewhere not found');
    await expect(start({ images: { ...images, haproxy: 'caddy:2' } })).rejects.toThrow('Image caddy:2 not found');
    await using first = await here.runner.start(job);
    expect(first.ended).toBeInstanceOf(Promise);
    const second = await jobFor(here, { id: 'r2' });
    await expect(here.runner.start(second)).rejects.toThrow('No more ctrl ports available');
  });

  it('notices that a program has ended, with its last words, and that a session is stopped or gone', async () => {
    const here = await bed({ generation });
    const job = await jobFor(here);
    const running = await here.runner.start(job);
    const [container] = here.janus.containers.all.values();
    if (!container) throw new Error('there is no container');
    here.janus.containers.print(container, '[ALERT] cannot bind socket');
    await here.janus.containers.stop(container.id);
    expect(await running.ended).toMatch(/does not run; .*cannot bind socket/);
    await running[Symbol.asyncDispose]();

    await using stopped = await here.runner.start(job);
    const [row] = here.janus.sessions.rows.values();
    if (row) await here.janus.sessions.stop(row);
    expect(await stopped.ended).toContain('is STOPPED');

    await using gone = await here.runner.start(job);
    const [next] = here.janus.sessions.rows.values();
    if (next) await here.janus.sessions.delete(next, false);
    expect(await gone.ended).toContain('is gone');
  });

  it('logs what the program prints once, and lives without logs', async () => {
    const here = await bed({ generation });
    await using running = await here.runner.start(await jobFor(here));
    const { containers } = here.janus;
    const [container] = containers.all.values();
    if (!container) throw new Error('there is no container');
    containers.print(container, 'Proxy started');
    await until('the line', 5_000, () => here.logged().includes('Proxy started'));
    containers.failures.logs = 'logs are gone';
    await until('the trouble', 5_000, () => here.logged().includes('logs are gone'));
    containers.failures.logs = undefined;
    containers.print(container, 'New worker');
    await until('the next line', 5_000, () => here.logged().includes('New worker'));
    await running.signal('SIGHUP');
    expect(here.logged().split('Proxy started')).toHaveLength(2);
    expect(here.logged()).not.toContain(password);
  });

  it('adopts after a crash what still runs, and only that', async () => {
    const here = await bed({ generation });
    const job = await jobFor(here);
    // Not disposed until the end, as its agent has crashed.
    const lost = await here.runner.start(job);
    const adopted = await janusRunner(here.options).adopt(job);
    await adopted?.signal('SIGHUP');
    const [container] = here.janus.containers.all.values();
    expect(container?.signals).toEqual(['SIGHUP']);
    if (container) await here.janus.containers.stop(container.id);
    expect(await janusRunner(here.options).adopt(job)).toBeUndefined();
    expect([here.janus.containers.all.size, here.janus.sessions.rows.size]).toEqual([0, 0]);
    await adopted?.[Symbol.asyncDispose]();
    await lost[Symbol.asyncDispose]();
  });

  it('finds a session whose id it never heard', async () => {
    const here = await bed({ generation });
    const job = await jobFor(here);
    here.janus.drop = (asked) => asked === 'POST /create' || asked === 'GET /active';
    await expect(here.runner.start(job)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(here.janus.sessions.rows.size).toBe(1);
    here.janus.drop = undefined;
    const [row] = here.janus.sessions.rows.values();
    if (row) here.janus.sessions.start(row);
    await using adopted = await janusRunner(here.options).adopt(job);
    expect(adopted).toBeDefined();
    expect(JSON.parse(await readFile(path.join(job.place.folder, 'janus.json'), 'utf8'))).toMatchObject({
      session: '7',
    });
  });

  it('clears what earlier agents have left, other than what is still wanted', async () => {
    const here = await bed({ generation });
    const [kept, left, other] = [
      await jobFor(here),
      await jobFor(here, { id: 'r2' }),
      await here.runner.place('other'),
    ];
    await using one = await here.runner.start(kept);
    await using two = await here.runner.start(left);
    here.janus.containers.failures.remove = 'device or resource busy';
    await expect(endLeft(janusRunner(here.options), ['r1'])).rejects.toThrow('device or resource busy');
    expect(here.janus.sessions.rows.size, 'a container that runs on is not forgotten').toBe(2);
    here.janus.containers.failures.remove = undefined;
    await endLeft(janusRunner(here.options), ['r1']);
    expect([...here.janus.sessions.rows.values()].map(({ id }) => id)).toEqual([7]);
    expect(await two.ended).toContain('Janus session 8');
    await expect(stat(left.place.folder)).rejects.toMatchObject({ code: 'ENOENT' });
    await stat(other.folder);
    await endLeft(janusRunner(here.options));
    expect(here.janus.sessions.rows.size).toBe(0);
    expect(await one.ended).toContain('Janus session 7');
  });

  it('S3 does not take an id that is no name, nor a folder of such a name for a reservation', async () => {
    const here = await bed({ generation });
    for (const id of ['../../etc', '', '.', 'a/b', 'a b', '-x', 'x\ny']) {
      await expect(here.runner.place(id)).rejects.toMatchObject({ code: 'BAD_FORMAT' });
      await expect(here.runner.end(id)).rejects.toMatchObject({ code: 'BAD_FORMAT' });
    }
    await mkdir(path.join(here.volume, 'lost+found'));
    expect(await here.runner.left()).toEqual([]);
  });

  it('leaves alone what other gateways have on the same volume', async () => {
    const here = await bed({ generation });
    await using running = await here.runner.start(await jobFor(here));
    const neighbor = janusRunner({ ...here.options, gateway: 'gateway:/another' });
    expect([await neighbor.left(), await here.runner.left()]).toEqual([[], ['r1']]);
    await running.signal('SIGHUP');
  });

  it('gives up a start when the reservation is released, and ends what Janus makes of it later', async () => {
    const here = await bed({ generation });
    const job = await jobFor(here);
    const released = new AbortController();
    const answer = new Deferred<void>();
    here.janus.hold = (asked) => {
      if (asked !== 'POST /create') return undefined;
      released.abort();
      return answer.promise;
    };
    await expect(here.runner.start(job, released.signal)).rejects.toThrow('is not waited for any more');
    await expect(here.runner.end(job.id)).rejects.toThrow('may still make a session');
    answer.resolve();
    await until('the session', 5_000, () => here.janus.sessions.rows.size === 1);
    await here.runner.end(job.id);
    expect([here.janus.containers.all.size, here.janus.sessions.rows.size]).toEqual([0, 0]);
    expect(await readdir(here.volume)).toEqual([]);
  });

  it('ends nothing while its volume is not there', async () => {
    const here = await bed({ generation });
    await using running = await here.runner.start(await jobFor(here));
    const elsewhere = { folder: `${here.volume}-gone`, seenAs: here.volume };
    const blind = janusRunner({ ...here.options, volume: elsewhere });
    await expect(blind.left()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(blind.end('r1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await running.signal('SIGHUP');
  });

  it('removes secrets also while Janus is away, and the session later', async () => {
    const here = await bed({ generation });
    const job = await jobFor(here);
    await writeFile(path.join(job.place.folder, 'psk.txt'), 'a key', { mode: 0o600 });
    const running = await here.runner.start(job);
    here.janus.away = true;
    await expect(running[Symbol.asyncDispose]()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(here.runner.end(job.id)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await readdir(job.place.folder)).toEqual(['janus.json']);
    here.janus.away = false;
    await endLeft(here.runner);
    expect(await readdir(here.volume)).toEqual([]);
    expect([here.janus.containers.all.size, here.janus.sessions.rows.size]).toEqual([0, 0]);
  });

  it('says what is missing before anything is started', async () => {
    const here = await bed({ generation });
    const check = async (change: object): Promise<unknown> => {
      const availability = await janusRunner({ ...here.options, ...change }).check(haproxy);
      return availability.available || availability.reason;
    };
    expect(await check({})).toBe(true);
    expect(await check({ password: new Secret(Buffer.from('wrong')) })).toMatch(/does not accept the user "scientist"/);
    expect(await check({ profile: 'other' })).toMatch(/no host profile "other"/);
    expect(await check({ instances: ['elsewhere'] })).toMatch(/no node "elsewhere" \(it shows gateway\)/);
    const { images } = here.options;
    expect(await check({ images: { ...images, haproxy: 'caddy:2' } })).toMatch(/no image "caddy" .* pull "caddy:2"/);
    expect(await check({ volume: { folder: '/nowhere', seenAs: '/vol' } })).toMatch(/ENOENT/);
    expect(await check({ url: new URL('http://127.0.0.1:1') })).toMatch(/cannot be reached: .*ECONNREFUSED/);
  });

  it('trusts the authority it is given and no other', async () => {
    const [cert, key] = await Promise.all(
      [inject('certificate').cert, inject('certificate').key].map((file) => readFile(file, 'utf8')),
    );
    const here = await bed({ generation, tls: { cert: cert ?? '', key: key ?? '' } });
    const refused = await here.runner.check(haproxy);
    expect(refused).toMatchObject({ available: false, reason: expect.stringContaining('--janus-ca') as string });
    await expect(here.runner.start(await jobFor(here))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(here.janus.asked).toEqual([]);
    const trusting = { ...here, runner: janusRunner({ ...here.options, ca: cert }) };
    expect(await trusting.runner.check(haproxy)).toEqual({ available: true });
    await using running = await trusting.runner.start(await jobFor(trusting));
    await running.signal('SIGHUP');
  });
});

it('accepts exactly one instance and a certificate that is one', async () => {
  const { options } = await bed({ generation: '2026' });
  expect(() => janusRunner({ ...options, instances: ['a', 'b'] })).toThrow('exactly one instance');
  expect(() => janusRunner({ ...options, ca: 'not PEM' })).toThrow('--janus-ca needs a certificate');
});
