import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import tls from 'node:tls';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { until } from '../../../src/core/until.js';
import { forward, psk, variants } from '../../support/engine.js';
import { connect, exchange, readAll } from '../../support/tcp.js';

const key = randomBytes(32);
const received: Buffer[] = [];

/** What somebody can do who got between the facilities without having the key. */
const impostors: Record<string, () => Promise<net.Server>> = {
  'shows a certificate': async () => tls.createServer({ ...(await certificate()) }),
  'shows a certificate and uses TLS 1.2': async () => {
    return tls.createServer({ ...(await certificate()), maxVersion: 'TLSv1.2' });
  },
  'has another key': () => pskServer(randomBytes(32)),
  'has another key and a certificate': async () => pskServer(randomBytes(32), await certificate()),
  'speaks plain TCP': () => Promise.resolve(net.createServer((socket) => socket.write('welcome\r\n'))),
  'hangs up': () => Promise.resolve(net.createServer((socket) => socket.destroy())),
};

describe.each(variants)('$name', (variant) => {
  it.each(Object.keys(impostors))('refuses and counts a target that %s, and tells it nothing', async (what) => {
    received.length = 0;
    const server = await impostors[what]?.();
    if (!server) throw new Error('no such impostor');
    const target = await listen(server);
    const log: string[] = [];
    const { address, forwarder } = await forward(variant, {
      targets: [target],
      role: 'CONS',
      protection: psk(key),
      log,
    });
    await expect(exchange(address, 'secret measurement').catch(() => '')).resolves.toBe('');
    await until('the refusal being counted', 5_000, () => forwarder.counters().failedHandshakes === 1);
    expect(forwarder.counters()).toMatchObject({ refusedConnections: 1, openConnections: 0, bytesIn: 0 });
    expect(Buffer.concat(received).toString('latin1')).not.toContain('secret measurement');
    expect(log.join()).not.toContain(key.toString('hex'));
  });

  it('takes the next target when one is an impostor', async () => {
    const impostor = await listen(await pskServer(randomBytes(32)));
    const genuine = await listen(await pskServer(key));
    const targets = [`${impostor},${genuine}`];
    const { address } = await forward(variant, { targets, role: 'CONS', protection: psk(key) });
    expect(await exchange(address, 'hello')).toBe('hello');
    expect(await exchange(address, 'hello again')).toBe('hello again');
  });

  it('takes the end of a target that did not announce it for a broken connection', async () => {
    const below: net.Socket[] = [];
    const server = await pskServer(key);
    server.on('connection', (socket: net.Socket) => below.push(socket));
    const { address } = await forward(variant, { targets: [await listen(server)], role: 'CONS', protection: psk(key) });
    const socket = await connect(address);
    socket.write('first half');
    await once(socket, 'readable');
    const rest = readAll(socket);
    for (const each of below) each.end();
    await expect(rest).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

async function certificate(): Promise<{ cert: string; key: string }> {
  const files = inject('certificate');
  return { cert: await readFile(files.cert, 'utf8'), key: await readFile(files.key, 'utf8') };
}

/** Echoes what it gets from who has the key. */
function pskServer(secret: Uint8Array, options: tls.TlsOptions = {}): Promise<net.Server> {
  const half = { allowHalfOpen: true };
  const server = tls.createServer({
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    pskCallback: () => secret,
    ...half,
    ...options,
  });
  server.on('secureConnection', (socket) => socket.pipe(socket));
  return Promise.resolve(server);
}

async function listen(server: net.Server): Promise<string> {
  const accepted: net.Socket[] = [];
  server.on('connection', (socket: net.Socket) => {
    accepted.push(socket);
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.on('error', () => undefined);
  });
  server.on('secureConnection', (socket: tls.TLSSocket) => {
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of accepted) socket.destroy();
    const closed = once(server, 'close');
    server.close();
    await closed;
  });
  const bound = server.address();
  return `127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`;
}
