import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type net from 'node:net';
import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { openStream } from '../../src/index.js';
import { Facility, twoFacilities } from '../support/facility.js';
import { connect, echo, exchange, hashAll, readAll, saying, serve } from '../support/tcp.js';
import { first } from '../support/v1.js';

const block = randomBytes(1 << 20);
const total = 100;

describe('the relay', () => {
  it('carries 100 MB each way through two data servers unchanged', async () => {
    const [producer, consumer] = await twoFacilities();
    const expected = createHash('sha256');
    for (let index = 0; index < total; index++) expected.update(numbered(index));
    const received: Promise<{ hash: string; bytes: number }>[] = [];
    const application = await serve((socket) => {
      received.push(hashAll(socket));
      void send(socket);
    });
    await using stream = await openStream({
      inbound: producer.server,
      outbound: consumer.server,
      targets: [application.address],
    });
    const socket = await connect(first(stream.connect));
    const [back] = await Promise.all([hashAll(socket), send(socket)]);
    const hash = expected.digest('hex');
    expect(back).toEqual({ hash, bytes: total * block.length });
    expect(await received[0]).toEqual({ hash, bytes: total * block.length });
    const { traffic } = await producer.client().getSession(stream.uid);
    expect(traffic).toMatchObject({
      bytesIn: BigInt(total * block.length),
      bytesOut: BigInt(total * block.length),
      totalConnections: 1n,
    });
  });

  it('passes a half-close on: the client ends first and still gets its answer', async () => {
    const [producer, consumer] = await twoFacilities();
    const application = await serve((socket) => {
      void readAll(socket).then((all) => socket.end(`got ${all.toString()}`));
    });
    await using stream = await openStream({
      inbound: producer.server,
      outbound: consumer.server,
      targets: [application.address],
    });
    expect(await exchange(first(stream.connect), 'the question')).toBe('got the question');
  });

  it('passes a half-close on: the application ends first and still gets the rest', async () => {
    const [producer, consumer] = await twoFacilities();
    const rest: Promise<Buffer>[] = [];
    const application = await serve((socket) => {
      socket.end('that is all from me');
      rest.push(readAll(socket));
    });
    await using stream = await openStream({
      inbound: producer.server,
      outbound: consumer.server,
      targets: [application.address],
    });
    const socket = await connect(first(stream.connect));
    expect((await readAll(socket)).toString()).toBe('that is all from me');
    socket.end('but not from me');
    expect((await rest[0])?.toString()).toBe('but not from me');
  });

  it('does not make a clean end of a broken connection: the other peer sees it break too', async () => {
    const [producer, consumer] = await twoFacilities();
    const application = await serve((socket) => {
      socket.write('half of it');
      // A reset that overtakes data looks like an end to libuv, so it comes when the data has arrived.
      socket.once('data', () => socket.resetAndDestroy());
    });
    await using stream = await openStream({
      inbound: producer.server,
      outbound: consumer.server,
      targets: [application.address],
    });
    const socket = await connect(first(stream.connect));
    socket.once('readable', () => socket.write('got it'));
    await expect(readAll(socket)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('closes the connection and counts it when no target answers, and uses the target once it is there', async () => {
    const facility = await Facility.start();
    const application = await saying('never reached');
    const { uid, listeners } = await facility.client().createSession({ role: 'PROD', targets: ['127.0.0.1:1'] });
    await expect(exchange(first(listeners), '').catch(() => 'broken')).resolves.toBeOneOf(['', 'broken']);
    await until('the refusal being counted', 5_000, async () => {
      return (await facility.client().getSession(uid)).traffic.refusedConnections === 1n;
    });
    await facility.client().updateSession(uid, { targets: [application.address] });
    expect(await exchange(first(listeners), '')).toBe('never reached');
  });

  it('R17 listens and connects by IPv6', async () => {
    const facility = await Facility.start(['--listener-ip', '::1']);
    const application = await echo('::1');
    const { listeners } = await facility.client().createSession({ role: 'PROD', targets: [application.address] });
    expect(first(listeners)).toMatch(/^\[::1\]:\d+$/);
    expect(await exchange(first(listeners), 'six')).toBe('six');
  });

  it('S9 listens at the address it was told and nowhere else', async () => {
    const facility = await Facility.start(['--listener-ip', '127.0.0.1']);
    const { listeners } = await facility.client().createSession({ role: 'PROD', targets: ['127.0.0.1:7000'] });
    const port = Number(first(listeners).split(':')[1]);
    await expect(connect(`127.0.0.2:${port}`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(connect(`127.0.0.2:${facility.port}`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('ends its connections when the session is released', async () => {
    const facility = await Facility.start();
    const application = await echo();
    const { uid, listeners } = await facility.client().createSession({ role: 'PROD', targets: [application.address] });
    const socket = await connect(first(listeners));
    socket.write('x');
    await new Promise((resolve) => socket.once('readable', resolve));
    const ended = readAll(socket).catch(() => undefined);
    await facility.client().releaseSession(uid);
    await ended;
    await facility.holdsNothing();
  });

  it('keeps the pace of the slower side: a peer that does not read holds the sender back', async () => {
    const facility = await Facility.start();
    const application = await serve((socket) => socket.pause());
    const { listeners } = await facility.client().createSession({ role: 'PROD', targets: [application.address] });
    const socket = await connect(first(listeners));
    // Sockets take some megabytes; a relay that buffers by itself would take all of these 256.
    for (let index = 0; index < 256; index++) socket.write(block);
    let seen = -1;
    await until('the sender standing still', 15_000, () => {
      const still = socket.bytesWritten - socket.writableLength === seen;
      seen = socket.bytesWritten - socket.writableLength;
      return still && seen > 0;
    });
    expect(socket.writableLength).toBeGreaterThan(128 * block.length);
  });

  it('leaves no descriptor behind in the data server', async () => {
    const facility = await Facility.start();
    const application = await echo();
    const { pid } = await facility.agent().info({});
    const client = facility.client();
    const round = async (): Promise<void> => {
      const { uid, listeners } = await client.createSession({
        role: 'PROD',
        targets: [application.address],
        numConn: 5,
      });
      await Promise.all(listeners.map((listener) => exchange(listener, 'x')));
      await client.releaseSession(uid);
    };
    await round();
    const before = await descriptors(pid);
    for (let index = 0; index < 10; index++) await round();
    await until('the descriptors being as before', 5_000, async () => (await descriptors(pid)) <= before);
  });
});

async function descriptors(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** A block that differs from its neighbors, so that a swap or a repetition changes the hash. */
function numbered(index: number): Buffer {
  const copy = Buffer.from(block);
  copy.writeUInt32BE(index, 0);
  return copy;
}

async function send(socket: net.Socket): Promise<void> {
  for (let index = 0; index < total; index++) {
    if (!socket.write(numbered(index))) await new Promise((resolve) => socket.once('drain', resolve));
  }
  socket.end();
}
