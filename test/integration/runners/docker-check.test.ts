import net from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { dockerRunner, type DockerOptions } from '../../../src/data/runners/docker.js';
import { defaultImages } from '../../../src/config/proxy.js';
import { versionName } from '../../../src/data/runners/docker/names.js';
import { canRunDocker, dockerEngine } from '../../support/docker.js';
import { containers, haproxy, nginx, prepare, run, setUp } from '../../support/docker-runner.js';
import { EngineGate } from '../../support/engine-gate.js';
import { loggerTo } from '../../support/engine.js';
import { echo } from '../../support/tcp.js';

/** With the start of the Engine. */
const timeout = 120_000;
const absent = `sha256:${'0'.repeat(64)}`;

describe.runIf(canRunDocker())('what the runner docker can run', { timeout }, () => {
  it('is told by version, image and Engine, and leaves no container', async () => {
    const setup = await setUp();
    const expected =
      /^\d+\.\d+\.\d+\S* \(image scistream-test\/haproxy:latest, sha256:[0-9a-f]{12}, Docker Engine \d\S*\)$/;
    const available = { available: true, version: expect.stringMatching(expected) as string };
    expect(await setup.runner.check(haproxy)).toEqual(available);
    expect(await containers(setup)).toEqual([]);
  });

  it('is asked of a program once for each image', async () => {
    const { gate, host } = await EngineGate.open((await dockerEngine()).socket);
    const { runner } = await setUp({ host });
    const first = await runner.check(haproxy);
    gate.requests.length = 0;
    expect(await runner.check(haproxy)).toEqual(first);
    expect(gate.requests.map((request) => /\/(\w+)/.exec(request)?.[1]).toSorted()).toEqual(['images', 'version']);
  });

  it('is told once more when what an earlier check has left is in the way', async () => {
    const setup = await setUp();
    const { docker, options } = setup;
    const name = versionName(options.gateway, 'haproxy');
    const Labels = { 'org.scistream.gateway': options.gateway };
    await docker.createContainer({ name, Image: options.images.haproxy, Labels, Entrypoint: ['haproxy'] });
    expect(await setup.runner.check(haproxy)).toMatchObject({ version: expect.stringMatching(/^\d/) as string });
    expect(await containers(setup)).toEqual([]);
  });

  it.each(['127.0.0.1', '::1'])('is told by an Engine at a port of %s', async (address) => {
    const { socket } = await dockerEngine();
    const port = await EngineGate.openTcp(socket, address);
    const { runner } = await setUp({ host: `tcp://${address === '::1' ? '[::1]' : address}:${port}` });
    expect(await runner.check(haproxy)).toMatchObject({ available: true });
  });

  it('does not depend on what the environment tells other Docker clients', async () => {
    vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1');
    vi.stubEnv('DOCKER_TLS_VERIFY', '1');
    vi.stubEnv('DOCKER_CLIENT_TIMEOUT', '1');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const { runner } = await setUp();
    expect(await runner.check(haproxy)).toMatchObject({ available: true });
    await run(runner, await prepare(runner, (await echo()).address));
  });

  it('lacks an image, which says how to get it or name another', async () => {
    const setup = await setUp({ images: { ...defaultImages, haproxy: 'scistream-test/none:1' } });
    const reason =
      'The Docker Engine does not have the image scistream-test/none:1: load it with docker pull scistream-test/none:1, or name another with --haproxy-image.';
    expect(await setup.runner.check(haproxy)).toEqual({ available: false, reason });
    const { job } = await prepare(setup.runner, '127.0.0.1:1');
    await expect(setup.runner.start(job)).rejects.toMatchObject({ code: 'UNAVAILABLE', message: reason });
    await expect(setup.runner.verify(job)).rejects.toMatchObject({ code: 'UNAVAILABLE', message: reason });
  });

  it('S11 is the very image that was pinned, or nothing', async () => {
    const { docker, options } = await setUp();
    const { Id } = await docker.getImage(options.images.haproxy).inspect();
    const pinned = await setUp({ images: { ...options.images, haproxy: `scistream-test/haproxy@${Id}` } });
    expect(await pinned.runner.check(haproxy)).toMatchObject({ available: true });
    const prepared = await prepare(pinned.runner, (await echo()).address);
    await run(pinned.runner, prepared);
    expect((await docker.getContainer(`scistream-${prepared.job.id}`).inspect()).Image).toBe(Id);

    const other = await setUp({ images: { ...options.images, haproxy: `scistream-test/haproxy:latest@${absent}` } });
    const refusal = expect.stringContaining(absent) as string;
    expect(await other.runner.check(haproxy)).toEqual({ available: false, reason: refusal });
    await expect(other.runner.start(prepared.job)).rejects.toMatchObject({ code: 'UNAVAILABLE', message: refusal });
  });

  it('is not a program that the image lacks; the attempt leaves nothing', async () => {
    const { options } = await setUp();
    const setup = await setUp({ images: { ...options.images, haproxy: options.images.nginx } });
    const { job } = await prepare(setup.runner, '127.0.0.1:1');
    const message = `The image ${options.images.nginx} has no haproxy-of-another-system or haproxy: name another with --haproxy-image.`;
    await expect(setup.runner.start(job)).rejects.toMatchObject({ code: 'UNAVAILABLE', message });
    expect(await setup.runner.check(haproxy)).toEqual({ available: false, reason: message });
    expect(await containers(setup)).toEqual([]);
  });
});

describe('the runner docker without an Engine', () => {
  const options = (overrides: Partial<DockerOptions>): DockerOptions => ({
    ...{ folder: '/nonexistent', host: undefined, images: defaultImages, gateway: 'test', logger: loggerTo([]) },
    ...overrides,
  });

  it('says that none is there', async () => {
    expect(await dockerRunner(options({ host: '/nonexistent/docker.sock' })).check(nginx)).toEqual({
      available: false,
      reason:
        'No Docker Engine answers at unix:///nonexistent/docker.sock: start it, or name another with --docker-host.',
    });
  });

  it('says that it does not answer in time, or is no Engine', async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'docker-check-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const silent = await listen(path.join(dir, 'silent.sock'), () => undefined);
    const rude = await listen(path.join(dir, 'rude.sock'), (socket) => socket.end('220 ready\r\n'));
    expect(await dockerRunner(options({ host: silent })).check(nginx)).toMatchObject({
      available: false,
      reason: expect.stringMatching(/could not .* within 2000 ms; see its log\.$/) as string,
    });
    expect(await dockerRunner(options({ host: rude })).check(nginx)).toMatchObject({
      available: false,
      reason: expect.stringContaining('does not speak as a Docker Engine') as string,
    });
  });

  it('has nothing left where it was never used', async () => {
    const log: string[] = [];
    const runner = dockerRunner(options({ host: '/nonexistent/docker.sock', logger: loggerTo(log) }));
    expect(await runner.left()).toEqual([]);
    await runner.end('reservation');
    expect(log.filter((line) => !line.startsWith('{"level":20,'))).toEqual([]);
  });

  it.each([
    { host: 'docker' },
    { user: 'nobody' },
    { user: '0' },
    { user: '0:0' },
    { user: '1000:' },
    { user: '99999999999' },
    { images: { ...defaultImages, nginx: 'nginx latest' } },
    { images: { ...defaultImages, nginx: '-nginx' } },
    { images: { ...defaultImages, stunnel: 'stunnel@sha256:12' } },
  ])('refuses %j', (overrides) => {
    expect(() => dockerRunner(options(overrides))).toThrow(expect.objectContaining({ code: 'BAD_FORMAT' }));
  });
});

async function listen(file: string, onConnection: (socket: net.Socket) => void): Promise<string> {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(file, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return file;
}
