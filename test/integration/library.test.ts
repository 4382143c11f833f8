import { describe, expect, it } from 'vitest';
import { ControlClient, openStream, requestSession, SciStreamError } from '../../src/index.js';
import { plainFacilities, twoFacilities } from '../support/facility.js';
import { echo, exchange, freePortRange, serve } from '../support/tcp.js';
import { first } from '../support/v1.js';

describe('the client library', () => {
  it('opens a stream, releases it when disposed, and leaves nothing', async () => {
    const [producer, consumer] = await twoFacilities();
    const application = await echo();
    let uid = '';
    {
      await using stream = await openStream({
        ...{ inbound: producer.server, outbound: consumer.server, targets: [application.address] },
        ...{ numConn: 3, labels: { run: '1' }, lifetimeMs: 60_000 },
      });
      uid = stream.uid;
      expect(stream.connect).toHaveLength(3);
      expect(stream.inbound.labels).toEqual({ run: '1' });
      expect(await exchange(first(stream.connect), 'hello')).toBe('hello');
      expect((await producer.client().getSession(uid)).traffic.bytesIn).toBe(5n);
    }
    await producer.holdsNothing();
    await consumer.holdsNothing();
    await expect(producer.client().getSession(uid)).rejects.toMatchObject({ code: 'INVALID_UID' });
  });

  it('R11 a server that never answers costs the deadline and not more, and the other end is released', async () => {
    const [producer] = await twoFacilities();
    const silent = await serve((socket) => socket.pause());
    const opening = openStream({
      ...{ inbound: producer.server, outbound: { s2cs: silent.address, ssl: false, timeoutMs: 300 } },
      targets: ['127.0.0.1:7000'],
    });
    await expect(opening).rejects.toMatchObject({ code: 'TIMEOUT' });
    await producer.holdsNothing();
  });

  it('releases the inbound end when the outbound one is refused', async () => {
    const [producer, consumer] = await plainFacilities(['--port-range', await freePortRange(2)]);
    await consumer.client().createSession({ role: 'CONS', targets: ['127.0.0.1:1'], numConn: 2 });
    const opening = openStream({ inbound: producer.server, outbound: consumer.server, targets: ['127.0.0.1:7000'] });
    await expect(opening).rejects.toMatchObject({ code: 'NO_RESOURCE' });
    await producer.holdsNothing();
  });

  it('releases everything when it is given up half-way, with the reason it was given', async () => {
    const [producer] = await twoFacilities();
    const silent = await serve((socket) => socket.pause());
    const stop = new AbortController();
    const opening = openStream({
      ...{ inbound: producer.server, outbound: { s2cs: silent.address, ssl: false }, targets: ['127.0.0.1:7000'] },
      signal: stop.signal,
    });
    const refused = expect(opening).rejects.toThrow('had enough');
    while (silent.accepted.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new SciStreamError('CANCELED', 'had enough'));
    await refused;
    await producer.holdsNothing();
  });

  it('R11 giving up a request of version 1 ends the call in flight and frees its ports', async () => {
    const [facility] = await plainFacilities();
    using client = new ControlClient(facility.server);
    const requesting = requestSession(client, {
      uid: 'given-up',
      role: 'PROD',
      numConn: 1,
      signal: AbortSignal.timeout(300),
    });
    await expect(requesting).rejects.toMatchObject({ code: 'TIMEOUT' });
    await facility.holdsNothing();
  });

  it("giving up a request does not release somebody's live session with the same uid", async () => {
    const [facility, other] = await plainFacilities();
    await facility.client().createSession({ uid: 'live', role: 'PROD', targets: ['127.0.0.1:7000'] });
    const wanted = { uid: 'live', targets: ['127.0.0.1:7000'], inbound: facility.server, outbound: other.server };
    // However the second request ends, refused or given up at some moment, the first session is not its to end.
    for (const ms of [0, 1, 5, 20, 2_000]) {
      await expect(openStream({ ...wanted, signal: AbortSignal.timeout(ms) })).rejects.toThrow(SciStreamError);
    }
    using client = new ControlClient(facility.server);
    const request = { uid: 'live', role: 'PROD', numConn: 1 } as const;
    await expect(requestSession(client, { ...request, signal: AbortSignal.timeout(1) })).rejects.toThrow(
      SciStreamError,
    );
    expect((await client.getSession('live')).state).toBe('active');
  });

  it('releasing a stream of which an end is gone already is no failure', async () => {
    const [producer, consumer] = await twoFacilities();
    const wanted = { inbound: producer.server, outbound: consumer.server, targets: ['127.0.0.1:7000'] };
    await using stream = await openStream(wanted);
    await producer.client().releaseSession(stream.uid);
    await stream.release();
    await consumer.holdsNothing();
  });

  it.each([{ maxRate: 1.5 }, { numConn: 1.5 }, { numConn: -1 }, { maxRate: NaN }])('refuses %o', async (wrong) => {
    const [facility] = await plainFacilities();
    const creating = facility.client().createSession({ role: 'PROD', targets: ['127.0.0.1:7000'], ...wrong });
    await expect(creating).rejects.toMatchObject({ code: 'BAD_FORMAT' });
  });

  it('tells a missing server from one that is no SciStream server', async () => {
    const web = await serve((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    using missing = new ControlClient({ s2cs: '127.0.0.1:1' });
    using wrong = new ControlClient({ s2cs: web.address, ssl: false });
    await expect(missing.getFacility()).rejects.toMatchObject({
      code: 'CONN_ERROR',
      message: expect.stringContaining('Nothing listens') as string,
    });
    await expect(wrong.getFacility()).rejects.toMatchObject({
      code: 'CONN_ERROR',
      message: expect.stringContaining('closed the connection') as string,
    });
    expect(() => new ControlClient({ s2cs: 'nowhere' })).toThrow('host:port');
  });
});
