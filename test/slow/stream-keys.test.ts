import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import tls from 'node:tls';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { pskIdentity } from '../../src/core/protection.js';
import { until } from '../../src/core/until.js';
import { DataServer } from '../support/data-server.js';
import { encryptingTypes, type TestedType } from '../support/data-server-types.js';
import { connect, echo, exchange, readAll } from '../support/tcp.js';
import { beginPsk, type PskOptions } from '../support/tls.js';
import { first } from '../support/v1.js';

const key = randomBytes(32);
const words = 'secret measurement';

interface Guarded {
  readonly address: string;
  /** Waits until so many peers have been refused. */
  readonly refused: (count: number) => Promise<void>;
}

/** One end of an encrypted stream of this type. It ends with the test. */
async function guarded({ type, set }: TestedType, role: 'PROD' | 'CONS', target: string): Promise<Guarded> {
  const { client } = await DataServer.start((await set()).options);
  const { reservation } = await client.reserve({ type, role, numListeners: 1, security: 'tls-psk', psk: key });
  const id = reservation?.id ?? '';
  await client.update({ id, forwards: [{ targets: [target] }] });
  onTestFinished(async () => {
    await client.release({ id });
  });
  const refused = async (count: number): Promise<void> => {
    await until(`${count} refusals being counted`, 20_000, async () => {
      const { reservations } = await client.list({ id });
      return reservations[0]?.counters?.failedHandshakes === BigInt(count);
    });
  };
  return { address: first(reservation?.listeners ?? []), refused };
}

/** What a client gets back that speaks TLS with this key. */
async function asks(address: string, shown: Uint8Array, options: PskOptions = {}): Promise<string> {
  const { secured } = await beginPsk(address, shown, options);
  secured.end(words);
  return (await readAll(secured).catch(() => '')).toString();
}

/** A server behind a gateway that is not ours, and what it has been told. */
async function peer(options: tls.TlsOptions): Promise<{ address: string; told: () => string }> {
  let told = '';
  const server = tls.createServer({ minVersion: 'TLSv1.3', ...options }, (socket) => {
    socket
      .on('error', () => undefined)
      .on('data', (chunk: Buffer) => {
        told += chunk.toString();
        socket.end(chunk);
      });
  });
  server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const bound = server.address();
  return { address: `127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`, told: () => told };
}

function holding(shown: Buffer): tls.TlsOptions {
  const pskCallback = (_socket: tls.TLSSocket, identity: string): Buffer | null =>
    identity === pskIdentity ? shown : null;
  return { pskCallback, ciphers: 'TLS_AES_128_GCM_SHA256' };
}

describe.each(encryptingTypes)('$name between facilities', (tested) => {
  it('S1-fix lets in who shows the right key, and neither who shows another nor who shows none', async () => {
    const application = await echo();
    const { address, refused } = await guarded(tested, 'PROD', application.address);
    expect(await asks(address, key)).toBe(words);
    expect(application.accepted).toHaveLength(1);
    await refused(0);

    expect(await asks(address, randomBytes(32))).toBe('');
    await refused(1);
    const keyless = { pskCallback: () => null, rejectUnauthorized: false };
    expect(await asks(address, key, keyless)).toBe('');
    await refused(2);
    const plain = await connect(address);
    plain.end(words);
    expect((await readAll(plain).catch(() => Buffer.alloc(0))).toString('latin1')).not.toContain(words);
    await refused(3);
    expect(application.accepted).toHaveLength(1);
  });

  it('S1-fix speaks to who shows the right key, and tells nothing to who shows another or none', async () => {
    const { cert, key: certificateKey } = inject('certificate');
    const certified = { cert: await readFile(cert), key: await readFile(certificateKey) };
    const friend = await peer(holding(key));
    const { address } = await guarded(tested, 'CONS', friend.address);
    expect(await exchange(address, words)).toBe(words);
    for (const stranger of [await peer(holding(randomBytes(32))), await peer(certified)]) {
      const outbound = await guarded(tested, 'CONS', stranger.address);
      expect(await exchange(outbound.address, words).catch(() => '')).toBe('');
      await outbound.refused(1);
      expect(stranger.told()).toBe('');
    }
  });
});
