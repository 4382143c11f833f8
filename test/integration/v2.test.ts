import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { ControlService } from '../../src/gen/scistream/control/v2/control_pb.js';
import { Facility } from '../support/facility.js';
import { echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';

const target = { role: 'PROD', targets: ['127.0.0.1:7000'] } as const;

describe('version 2', () => {
  it('opens an active session in one call and tells all about it', async () => {
    const facility = await Facility.start();
    const client = facility.client();
    const application = await echo();
    const created = await client.createSession({
      role: 'CONS',
      targets: [application.address],
      numConn: 2,
      labels: { job: '42' },
    });
    expect(created).toMatchObject({
      ...{
        role: 'CONS',
        state: 'active',
        owner: 'anonymous',
        engine: 'relay',
        security: 'none',
        labels: { job: '42' },
      },
      ...{ targets: [application.address], s2cs: facility.address, maxRate: 0n },
    });
    expect(created.listeners).toHaveLength(2);
    await exchange(first(created.listeners), 'four');
    const traffic = await until('the connection being counted', 5_000, async () => {
      const { traffic: now } = await client.getSession(created.uid);
      return now.openConnections === 0n && now.totalConnections === 1n ? now : undefined;
    });
    expect(traffic).toMatchObject({
      bytesIn: 4n,
      bytesOut: 4n,
      openConnections: 0n,
      totalConnections: 1n,
      refusedConnections: 0n,
      failedHandshakes: 0n,
    });
    const last = await client.releaseSession(created.uid);
    expect(last).toMatchObject({ state: 'released', traffic: { bytesIn: 4n } });
  });

  it('a consumer learns its listeners by Hello without any request of version 1', async () => {
    const facility = await Facility.start();
    const { uid, listeners } = await facility.client().createSession({ ...target, role: 'CONS' });
    const reply = await facility.v1().v1.hello({ uid, role: 'CONS' });
    expect(reply.listeners).toEqual(listeners);
  });

  it('answers a repeated request_id with the session that the first call opened, also while that call is under way', async () => {
    const facility = await Facility.start();
    const client = facility.client();
    const wanted = { ...target, requestId: 'once' };
    const sessions = await Promise.all([
      client.createSession(wanted),
      client.createSession(wanted),
      client.createSession(wanted),
    ]);
    expect(new Set(sessions.map(({ uid }) => uid)).size).toBe(1);
    expect((await facility.held()).reservations).toBe(1);
    await expect(client.createSession({ ...wanted, uid: 'other' })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });

  it('lists by label', async () => {
    const facility = await Facility.start();
    const client = facility.client();
    await client.createSession({ ...target, uid: 'a', labels: { exp: '1', run: '1' } });
    await client.createSession({ ...target, uid: 'b', labels: { exp: '1', run: '2' } });
    expect((await client.listSessions({ exp: '1' })).map(({ uid }) => uid)).toEqual(['a', 'b']);
    expect((await client.listSessions({ exp: '1', run: '2' })).map(({ uid }) => uid)).toEqual(['b']);
    expect(await client.listSessions({ exp: '2' })).toEqual([]);
  });

  it('ends a session when its lifetime is over, and later when it was extended', async () => {
    const facility = await Facility.start();
    const client = facility.client();
    await client.createSession({ ...target, uid: 'short', lifetimeMs: 400 });
    const { expires } = await client.createSession({ ...target, uid: 'long', lifetimeMs: 400 });
    const extended = await client.updateSession('long', { lifetimeMs: 3_600_000 });
    expect(Number(extended.expires) - Number(expires)).toBeGreaterThan(3_000_000);
    await until('the end of the short one', 5_000, async () => (await client.listSessions()).length === 1);
    expect((await client.getSession('long')).state).toBe('active');
    expect((await facility.held()).reservations).toBe(1);
  });

  it('tells what the facility offers', async () => {
    const facility = await Facility.start(['--max-sessions', '7', '--hello-timeout', '90s']);
    const offer = await facility.client().getFacility();
    expect(offer).toMatchObject({
      defaultType: 'relay',
      listenerIp: '127.0.0.1',
      portRange: '0',
      protocols: ['v1', 'v2'],
    });
    expect(offer.limits).toMatchObject({ maxSessions: 7, helloTimeout: { seconds: 90n } });
    const types = new Map(offer.types.map((type) => [type.name, type]));
    expect(types.get('relay')).toMatchObject({ engine: 'relay', runner: 'embedded', available: true, reason: '' });
    expect(types.get('mock')).toMatchObject({ available: true });
    expect(types.get('haproxy-janus')).toMatchObject({ engine: 'haproxy', runner: 'janus', available: false });
    expect(types.get('haproxy-janus')?.reason).toMatch(/--janus-url/);
    expect(types).toHaveProperty('size', 11);
    expect(offer.authentication).toMatchObject({ method: 'none', scope: '' });
  });

  it('answers JSON over HTTP/1.1 and HTTP/2 and gRPC-Web on the same port', async () => {
    const facility = await Facility.start();
    const nodeOptions = { ca: facility.server.ca ?? '' };
    const baseUrl = `https://${facility.address}`;
    for (const transport of [
      createConnectTransport({ baseUrl, nodeOptions, httpVersion: '1.1', useBinaryFormat: false }),
      createConnectTransport({ baseUrl, nodeOptions, httpVersion: '2', useBinaryFormat: false }),
      createGrpcWebTransport({ baseUrl, nodeOptions, httpVersion: '1.1' }),
    ]) {
      const { version } = await createClient(ControlService, transport).getFacility({});
      expect(version).toMatch(/^\d+\.\d+\.\d+/);
    }
  });

  it('a mock data server reserves ports and moves nothing', async () => {
    const facility = await Facility.start(['--type', 'Mock']);
    const client = facility.client();
    const { uid, state, traffic, engine } = await client.createSession({ ...target, numConn: 3 });
    expect({ state, traffic, engine }).toEqual({ state: 'active', traffic: {}, engine: 'mock' });
    expect((await facility.held()).portsTotal - (await facility.held()).portsFree).toBe(3);
    await client.releaseSession(uid);
    await facility.holdsNothing();
  });
});
