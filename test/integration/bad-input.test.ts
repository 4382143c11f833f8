import http2 from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Facility, rawClient } from '../support/facility.js';
import { freePortRange } from '../support/tcp.js';
import { openEnd } from '../support/v1.js';

const badUids = ['', '../../etc/passwd', '/tmp/x', 'a b', 'a\nPSK', 'x'.repeat(65), 'ü'];
const badTargets = [
  '',
  'nowhere',
  '127.0.0.1',
  '127.0.0.1:0',
  '127.0.0.1:99999',
  '2001:db8::1:80',
  'h:1\nserver x 10.0.0.1:1',
];

describe('bad input', () => {
  it('S2 S3 S10 R15 every field of every version 1 call is checked before anything is reserved', async () => {
    const facility = await Facility.start(['--port-range', await freePortRange(4)]);
    const { v1 } = facility.v1();
    const good = { uid: 'good', role: 'PROD', numConn: 1, rate: 0 };
    const target = ['127.0.0.1:7000'];
    const calls = [
      ...badUids.flatMap((uid) => [
        () => v1.req({ ...good, uid }),
        () => v1.hello({ uid, role: 'PROD', prodListeners: target }),
        () => v1.update({ uid, role: 'PROD', remoteListeners: target }),
        () => v1.release({ uid }),
      ]),
      ...['', 'prod', 'PRODUCER', 'BOTH'].flatMap((role) => [
        () => v1.req({ ...good, role }),
        () => v1.hello({ uid: 'good', role, prodListeners: target }),
        () => v1.update({ uid: 'good', role, remoteListeners: target }),
      ]),
      ...[0, -1, 5, 2 ** 31 - 1].map((numConn) => () => v1.req({ ...good, numConn })),
      () => v1.req({ ...good, rate: -1 }),
      () => v1.req({ ...good, maxRate: 2n ** 63n }),
      () => v1.req({ ...good, lifetimeSeconds: 2n ** 40n }),
      () => v1.req({ ...good, preferredPorts: [0] }),
      () => v1.req({ ...good, preferredPorts: [70_000] }),
      () => v1.req({ ...good, preferredPorts: [5100, 5100] }),
      () => v1.req({ ...good, listenerIp: '192.0.2.1' }),
      () => v1.req({ ...good, listenerIp: 'localhost' }),
      () => v1.req({ ...good, labels: { 'bad key': 'x' } }),
      () => v1.req({ ...good, security: 'tls' }),
      () => v1.req({ ...good, transport: 'sctp' }),
      () => v1.req({ ...good, psk: new Uint8Array(15) }),
      () => v1.req({ ...good, psk: new Uint8Array(65) }),
      ...badTargets.flatMap((text) => [
        () => v1.hello({ uid: 'good', role: 'PROD', prodListeners: [text] }),
        () => v1.update({ uid: 'good', role: 'PROD', remoteListeners: [text] }),
      ]),
      () => v1.hello({ uid: 'good', role: 'PROD', prodListeners: [] }),
      () => v1.update({ uid: 'good', role: 'PROD', remoteListeners: Array<string>(257).fill('h:1') }),
      () => v1.update({ uid: 'good', role: 'PROD', remoteListeners: [] }),
    ];
    for (const call of calls) {
      await expect(call(), call.toString()).rejects.toMatchObject({
        code: 'BAD_FORMAT',
        message: expect.stringMatching(/^[^\n]+$/) as string,
      });
    }
    await facility.holdsNothing();
    expect(await facility.client().listSessions()).toEqual([]);
  });

  it('every field of every version 2 call is checked before anything is reserved', async () => {
    const facility = await Facility.start(['--port-range', await freePortRange(4)]);
    const client = facility.client();
    const good = { role: 'PROD', targets: ['127.0.0.1:7000'] } as const;
    const calls = [
      ...badUids.slice(1).map((uid) => () => client.createSession({ ...good, uid })),
      ...badUids.map((uid) => () => client.getSession(uid)),
      ...badTargets.map((text) => () => client.createSession({ ...good, targets: [text] })),
      () => client.createSession({ ...good, targets: [] }),
      () => client.createSession({ ...good, numConn: 5 }),
      () => client.createSession({ ...good, lifetimeMs: -1 }),
      () => client.createSession({ ...good, lifetimeMs: 1e12 }),
      () => client.createSession({ ...good, requestId: 'not an id' }),
      () => client.createSession({ ...good, labels: { a: 'x\ny' } }),
      () => client.createSession({ ...good, key: new Uint8Array(15) }),
      () => client.createSession({ ...good, key: new Uint8Array(0) }),
      () => client.createSession({ ...good, security: 'tls-psk' }),
      () => client.updateSession('any', {}),
      () => client.updateSession('any', { maxRate: 0.5 }),
      () => client.updateSession('any', { targets: ['x'] }),
    ];
    for (const call of calls) await expect(call(), call.toString()).rejects.toMatchObject({ code: 'BAD_FORMAT' });
    await facility.holdsNothing();
  });

  it('R14 a uid that exists and a role that differs are errors, and change nothing', async () => {
    const facility = await Facility.start();
    const { v1 } = facility.v1();
    await openEnd(v1, 'taken', 'PROD', ['127.0.0.1:7000']);
    const { reservations } = await facility.held();
    await expect(v1.req({ uid: 'taken', role: 'PROD', numConn: 1 })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(
      facility.client().createSession({ uid: 'taken', role: 'CONS', targets: ['127.0.0.1:1'] }),
    ).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
    await expect(v1.update({ uid: 'taken', role: 'CONS', remoteListeners: ['127.0.0.1:1'] })).rejects.toMatchObject({
      code: 'BAD_FORMAT',
    });
    expect(await facility.held()).toMatchObject({ reservations });
    expect((await facility.client().getSession('taken')).targets).toEqual(['127.0.0.1:7000']);
  });

  it('R16 failures reach any gRPC client with a status of their own and one sentence', async () => {
    const facility = await Facility.start();
    const client = rawClient(facility);
    const codeOf = (call: Promise<unknown>) =>
      call.then(
        () => undefined,
        (error: unknown) => ConnectError.from(error).code,
      );
    expect(await codeOf(client.release({ uid: 'unknown' }))).toBe(Code.NotFound);
    expect(await codeOf(client.update({ uid: 'unknown', role: 'PROD', remoteListeners: ['h:1'] }))).toBe(Code.NotFound);
    expect(await codeOf(client.req({ uid: '!', role: 'PROD', numConn: 1 }))).toBe(Code.InvalidArgument);
    expect(await codeOf(client.req({ uid: 'x', role: 'PROD', numConn: 1 }, { timeoutMs: 200 }))).toBe(
      Code.DeadlineExceeded,
    );
    await facility.holdsNothing();
  });

  it.each(['', '::1:1', 'a b', '[', '@'])('survives a request that calls it %j', async (authority) => {
    const facility = await Facility.start(['--ssl=False']);
    const session = http2.connect(`http://${facility.address}`);
    onTestFinished(() => {
      session.destroy();
    });
    session.on('error', () => undefined);
    const request = session.request({
      ':method': 'POST',
      ':path': '/scistream.Control/release',
      ':authority': authority,
    });
    request.on('error', () => undefined);
    request.end();
    await new Promise((resolve) => request.once('close', resolve));
    expect((await facility.client().getFacility()).protocols).toEqual(['v1', 'v2']);
  });
});
