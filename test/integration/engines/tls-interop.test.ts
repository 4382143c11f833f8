import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatEndpoint, parseEndpoint } from '../../../src/core/endpoint.js';
import { until } from '../../../src/core/until.js';
import { forward, freePort, psk, variants } from '../../support/engine.js';
import { temporaryDir } from '../../support/facility.js';
import { Payload } from '../../support/payload.js';
import { Program } from '../../support/program.js';
import { requirePrograms } from '../../support/requires.js';
import { accepts, connect, echo, exchange, hashAll, readAll, serve } from '../../support/tcp.js';

const openssl = { name: 'openssl', check: ['openssl', 'version'], hint: 'apt-get install openssl' } as const;
const stunnel = { name: 'stunnel', check: ['stunnel', '-version'], hint: 'apt-get install stunnel4' } as const;
const key = randomBytes(32);
const hex = key.toString('hex');
const shown = ['-psk', hex, '-psk_identity', 'client1', '-tls1_3', '-quiet'];

describe.runIf(requirePrograms(openssl)).each(variants)('$name and openssl', (variant) => {
  it('lets s_client in with the key', async () => {
    const application = await echo();
    const { address, forwarder } = await forward(variant, { targets: [application.address], protection: psk(key) });
    const client = new Program('openssl', ['s_client', '-connect', address, ...shown]);
    client.process.stdin?.write('as openssl says it');
    await client.shows(/as openssl says it/);
    expect(forwarder.counters()).toMatchObject({ openConnections: 1, failedHandshakes: 0 });
  });

  it('reaches s_server with the key', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const server = new Program('openssl', ['s_server', '-accept', address, '-nocert', ...shown]);
    await listens(address, server);
    const { address: listener } = await forward(variant, { targets: [address], role: 'CONS', protection: psk(key) });
    const socket = await connect(listener);
    socket.write('as we say it\n');
    await server.shows(/as we say it/);
    server.process.stdin?.write('and as openssl answers\n');
    await once(socket, 'readable');
    expect(String(socket.read())).toBe('and as openssl answers\n');
  });
});

describe.runIf(requirePrograms(stunnel)).each(variants)('$name and stunnel', (variant) => {
  const payload = new Payload(4);

  it('forwards what a stunnel client sends, and the answer to its end', async () => {
    const application = await serve((socket) => {
      void hashAll(socket).then(({ hash }) => socket.end(hash));
    });
    const { address } = await forward(variant, { targets: [application.address], protection: psk(key) });
    const entrance = await startStunnel({ client: true, connect: address, key: hex });
    const socket = await connect(entrance);
    void payload.sendTo(socket);
    expect((await readAll(socket)).toString()).toBe(payload.hash);
  });

  it('reaches targets through a stunnel server', async () => {
    const application = await serve((socket) => {
      void hashAll(socket).then(({ hash }) => socket.end(hash));
    });
    const exit = await startStunnel({ client: false, connect: application.address, key: hex });
    const { address } = await forward(variant, { targets: [exit], role: 'CONS', protection: psk(key) });
    const socket = await connect(address);
    void payload.sendTo(socket);
    expect((await readAll(socket)).toString()).toBe(payload.hash);
  });

  it('refuses a stunnel client with another key', async () => {
    const application = await echo();
    const { address, forwarder } = await forward(variant, { targets: [application.address], protection: psk(key) });
    const entrance = await startStunnel({ client: true, connect: address, key: randomBytes(32).toString('hex') });
    await expect(exchange(entrance, 'let me in').catch(() => '')).resolves.toBe('');
    await until('the refusal being counted', 5_000, () => forwarder.counters().failedHandshakes === 1);
    expect(application.accepted).toHaveLength(0);
  });
});

/** Answers where it listens. */
async function startStunnel(options: { client: boolean; connect: string; key: string }): Promise<string> {
  const dir = await temporaryDir();
  const secrets = path.join(dir, 'psk.txt');
  await writeFile(secrets, `client1:${options.key}\n`, { mode: 0o600 });
  const { host, port } = parseEndpoint(`127.0.0.1:${await freePort()}`);
  const config = path.join(dir, 'stunnel.conf');
  const lines = [
    'foreground = yes',
    'pid =',
    '[stream]',
    `client = ${options.client ? 'yes' : 'no'}`,
    `accept = ${host}:${port}`,
    `connect = ${options.connect}`,
    'ciphers = PSK',
    'sslVersion = TLSv1.3',
    `PSKsecrets = ${secrets}`,
    ...(options.client ? ['PSKidentity = client1'] : []),
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  const program = new Program('stunnel', [config]);
  await program.shows(/Configuration successful/, 'stderr');
  return formatEndpoint({ host, port });
}

async function listens(address: string, program: Program): Promise<void> {
  await until(`${address} accepting connections`, 10_000, async () => {
    if (!program.running) throw new Error(`it ended first:\n${program.stderr}`);
    return accepts(address);
  });
}
