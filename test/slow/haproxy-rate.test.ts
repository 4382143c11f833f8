import { describe, expect, it } from 'vitest';
import { messageOf } from '../../src/core/errors.js';
import { DataServer } from '../support/data-server.js';
import { canRunDocker, dockerEngine, engineArguments, hasNextImages, nextImages } from '../support/docker.js';
import { areEqual, flood, floodFrom, paceOf, Sink } from '../support/pace.js';
import { requirePrograms } from '../support/requires.js';
import { connect, saying, serve } from '../support/tcp.js';
import { first } from '../support/v1.js';

const request = { role: 'PROD', numListeners: 1, security: 'none' };
const seconds = 4;

/** A data server that runs HAProxy in a version that limits rates. */
async function newer(): Promise<DataServer> {
  return DataServer.start({ args: engineArguments({ ...(await dockerEngine()), images: nextImages }) });
}

async function inContainers(): Promise<DataServer> {
  return DataServer.start({ args: engineArguments(await dockerEngine()) });
}

async function open(server: DataServer, target: string, maxRate: bigint) {
  const { reservation } = await server.client.reserve({ ...request, type: 'haproxy-docker', maxRate });
  const id = reservation?.id ?? '';
  await server.client.update({ id, forwards: [{ targets: [target] }] });
  return { id, address: first(reservation?.listeners ?? []) };
}

describe.runIf(hasNextImages())('HAProxy that limits rates', () => {
  it.each([
    { megabytes: 2, streams: 1 },
    { megabytes: 2, streams: 4 },
    { megabytes: 50, streams: 4 },
  ])('keeps $streams streams together at $megabytes MB/s to their target', async ({ megabytes, streams }) => {
    const maxRate = megabytes * 1e6;
    const sink = await Sink.start();
    const { address } = await open(await newer(), sink.server.address, BigInt(maxRate));
    await floodFrom(address, streams);
    const { rate, shares } = await paceOf(sink, streams, seconds);
    expect(Math.abs(rate / maxRate - 1), `${rate} bytes per second`).toBeLessThan(0.1);
    expect(areEqual(shares, 0.25), shares.join()).toBe(true);
  });

  it('keeps them at it to their clients', async () => {
    const maxRate = 2e6;
    const source = await serve(flood);
    const { address } = await open(await newer(), source.address, BigInt(maxRate));
    const sink = await Sink.start();
    for (const socket of await Promise.all([connect(address), connect(address)])) sink.count(socket);
    const { rate } = await paceOf(sink, 2, seconds);
    expect(Math.abs(rate / maxRate - 1), `${rate} bytes per second`).toBeLessThan(0.1);
  });

  it('says that it keeps the limit it has, and keeps its targets then', async () => {
    const server = await newer();
    const [one, two] = [await saying('one'), await saying('two')];
    const { id } = await open(server, one.address, 2_000_000n);
    const change = { id, forwards: [{ targets: [two.address] }], maxRate: 3_000_000n };
    await expect(server.client.update(change)).rejects.toThrow(/keeps the limit .* request it again/);
    const { reservations } = await server.client.list({ id });
    expect(reservations).toMatchObject([{ maxRate: 2_000_000n, forwards: [{ targets: [one.address] }] }]);
    await server.client.update({ ...change, maxRate: 2_000_000n });
  });
});

const installed = requirePrograms({ name: 'HAProxy', check: ['haproxy', '-v'], hint: 'apt-get install haproxy' });
const settings = [
  ...(installed ? [{ type: 'haproxy-process', start: () => DataServer.start({}) }] : []),
  ...(canRunDocker() ? [{ type: 'haproxy-docker', start: inContainers }] : []),
  ...(hasNextImages() ? [{ type: 'haproxy-docker', start: newer }] : []),
];

describe.each(settings)('$type ($start.name)', ({ type, start }) => {
  it('is asked for no limit where its version has none', async () => {
    const { client } = await start();
    const reserved = client.reserve({ ...request, type, maxRate: 1_000_000n });
    const outcome = await reserved.then(
      () => 'granted',
      (error: unknown) => messageOf(error),
    );
    const { types } = await client.info({});
    const { programVersion = '', rate } = types.find(({ name }) => name === type) ?? {};
    expect(programVersion).toMatch(/^\d+\.\d+\.\d+( \(image |$)/);
    const [, major, minor] = /^(\d+)\.(\d+)/.exec(programVersion) ?? [];
    const limits = Number(major) > 2 || Number(minor) >= 7;
    expect(rate).toBe(limits);
    if (limits) expect(outcome).toBe('granted');
    else expect(outcome).toContain('cannot limit the rate, which takes haproxy 2.7');
  });
});
