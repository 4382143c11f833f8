import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type tls from 'node:tls';
import { describe, expect, it } from 'vitest';
import { until } from '../../../src/core/until.js';
import { forward, psk, variants, type Opened, type Variant } from '../../support/engine.js';
import { descriptors } from '../../support/resources.js';
import { connect, echo, readAll, serve, type TestServer } from '../../support/tcp.js';
import { beginPsk, connectPsk } from '../../support/tls.js';
import { first } from '../../support/v1.js';

const key = randomBytes(32);

/** What a client without the right key can do: opens, says what it has to say, and stays until it is sent away. */
const strangers: Record<string, (address: string) => Promise<void>> = {
  'shows no key': (address) => refusedTls(address, key, { pskCallback: () => null, rejectUnauthorized: false }),
  'shows a wrong key': (address) => refusedTls(address, randomBytes(32)),
  'gives a name that is not known': (address) => refusedTls(address, key, { identity: 'client2' }),
  'gives the beginning of the name': (address) => refusedTls(address, key, { identity: 'client' }),
  'speaks TLS 1.2': (address) =>
    refusedTls(address, key, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'PSK' }),
  'speaks plain TCP': (address) => refusedBytes(address, Buffer.from('GET / HTTP/1.1\r\nHost: beamline\r\n\r\n')),
  'sends noise': (address) => refusedBytes(address, randomBytes(100_000)),
  'sends half a record and ends': (address) => refusedBytes(address, Buffer.from('160301020001000100', 'hex'), true),
  'sends a record that is too long': (address) =>
    refusedBytes(address, Buffer.concat([Buffer.from('160301ffff', 'hex'), Buffer.alloc(0xffff)])),
};

describe.each(variants)('$name', (variant) => {
  it.each(Object.keys(strangers))('refuses and counts a client that %s, and goes on serving', async (what) => {
    const log: string[] = [];
    const { address, forwarder, application } = await guarded(variant, log);
    await strangers[what]?.(address);
    await until('the refusal being counted', 5_000, () => forwarder.counters().failedHandshakes === 1);
    expect(application.accepted).toHaveLength(0);
    expect(forwarder.counters()).toMatchObject({ openConnections: 0, totalConnections: 0, bytesIn: 0 });
    await until('the log telling of it', 5_000, () => log.length > 0);
    expect(log.filter((line) => line.includes('handshake failed'))).toHaveLength(1);
    expect(log.join()).not.toContain(key.toString('hex'));
    await expectsEcho(address);
  });

  it('S1 S1-fix carries nothing without the key or with a wrong one, everything with the right one', async () => {
    const { address, forwarder, application } = await guarded(variant);
    await refusedBytes(address, Buffer.from('no key'), true);
    await refusedTls(address, randomBytes(32));
    expect(application.accepted).toHaveLength(0);
    await expectsEcho(address);
    expect(application.accepted).toHaveLength(1);
    expect(forwarder.counters()).toMatchObject({ failedHandshakes: 2, totalConnections: 1 });
  });

  it('writes one line about many refusals', async () => {
    const log: string[] = [];
    const { address, forwarder } = await guarded(variant, log);
    for (let index = 0; index < 50; index++) await refusedBytes(address, Buffer.from('hello\r\n'), true);
    await until('all being counted', 5_000, () => forwarder.counters().failedHandshakes === 50);
    const lines = (): string[] => log.filter((line) => line.includes('handshake failed'));
    await until('the log telling of it', 5_000, () => log.length > 0);
    expect(lines()).toHaveLength(1);
    await forwarder[Symbol.asyncDispose]();
    expect(lines()).toHaveLength(2);
    expect(lines()[1]).toContain('48');
  });

  it('does not take a ticket for a key', async () => {
    const { address } = await guarded(variant);
    const tickets: Buffer[] = [];
    const { secured } = await beginPsk(address, key);
    secured.on('session', (ticket: Buffer) => tickets.push(ticket));
    secured.end('ping');
    await readAll(secured);
    if (tickets.length === 0) return;
    await refusedTls(address, key, { session: first(tickets), pskCallback: () => null, rejectUnauthorized: false });
  });

  it('lets a client with the key in while a thousand others begin a handshake and leave it at that', async () => {
    const { address, forwarder } = await guarded(variant);
    await expectsEcho(address);
    const before = await descriptors();
    const waiting = await Promise.all(Array.from({ length: 1000 }, () => connect(address)));
    for (const socket of waiting) socket.write(Buffer.from('1603010200', 'hex'));
    await expectsEcho(address);
    for (const socket of waiting) socket.destroy();
    await until('all being counted', 15_000, () => forwarder.counters().failedHandshakes === 1000);
    await until('the descriptors being as before', 5_000, async () => (await descriptors()) <= before);
  });

  it('takes the end of a client that did not announce it for a broken connection', async () => {
    const application = await serve((peer) => peer.write('welcome'));
    const { address } = await forward(variant, { targets: [application.address], protection: psk(key) });
    const { secured, socket } = await beginPsk(address, key);
    await once(secured, 'secureConnect');
    secured.write('all there is, or is it?');
    await once(secured, 'readable');
    const end = readAll(first(application.accepted));
    // Below TLS, as somebody on the way could do it.
    socket.end();
    await expect(end).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

/** A listener that asks for the key, in front of an echo. */
async function guarded(variant: Variant, log: string[] = []): Promise<Opened & { application: TestServer }> {
  const application = await echo();
  const opened = await forward(variant, { targets: [application.address], protection: psk(key), log });
  return { ...opened, application };
}

async function expectsEcho(address: string): Promise<void> {
  const socket = await connectPsk(address, key);
  socket.end('hello');
  expect((await readAll(socket)).toString()).toBe('hello');
}

async function refusedTls(
  address: string,
  secret: Buffer,
  options: tls.ConnectionOptions & { identity?: string } = {},
) {
  const { secured } = await beginPsk(address, secret, options);
  secured.write('let me in');
  // With TLS 1.3 a client may believe it is in before the server has looked at its proof.
  expect((await readAll(secured).catch(() => Buffer.alloc(0))).toString()).toBe('');
}

async function refusedBytes(address: string, bytes: Buffer, end = false): Promise<void> {
  const socket = await connect(address);
  if (end) socket.end(bytes);
  else socket.write(bytes);
  // An alert may come, in plain text.
  const answer = await readAll(socket).catch(() => Buffer.alloc(0));
  expect(answer.length).toBeLessThan(100);
}
