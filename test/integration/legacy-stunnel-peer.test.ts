import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DataServer } from '../support/data-server.js';
import { temporaryDir } from '../support/facility.js';
import { legacyStunnel } from '../support/legacy-stunnel.js';
import { requirePrograms } from '../support/requires.js';
import { echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';

const installed = { name: 'stunnel', check: ['stunnel', '-version'], hint: 'apt-get install stunnel4' } as const;
const args = ['--legacy-stunnel-peer'];
const one = { role: 'PROD', numListeners: 1 };
const stunnel = { ...one, type: 'stunnel-process' };

describe('a data server with --legacy-stunnel-peer', () => {
  it('S1 offers no encryption by stunnel, and what it did by other types', async () => {
    const { client } = await DataServer.start({ args });
    const { types } = await client.info({});
    for (const { name, engine, security } of types) {
      const other = engine === 'relay' || engine === 'mock' ? ['none', 'tls-psk'] : ['none'];
      expect([...security].sort(), name).toEqual(other);
    }
    await expect(client.reserve({ ...stunnel, security: 'tls-psk', psk: randomBytes(32) })).rejects.toMatchObject({
      code: 'NOT_IMPLEMENTED',
      message:
        'Data server type stunnel-process cannot protect a stream by "tls-psk"; ask both ends for security none, or choose another type.',
    });
    for (const [type, security] of [
      ['relay', 'tls-psk'],
      ['haproxy-process', 'none'],
    ] as const) {
      const { reservation } = await client.reserve({ ...one, type, psk: randomBytes(32) });
      expect(reservation).toMatchObject({ type, security });
    }
  });

  it('S1 wants the key of each stream of stunnel all the same', async () => {
    const { client } = await DataServer.start({ args });
    for (const security of ['', 'none']) {
      await expect(client.reserve({ ...stunnel, security })).rejects.toMatchObject({
        code: 'BAD_FORMAT',
        message: 'A stream whose ends prove that they share a key needs that key.',
      });
      const { reservation } = await client.reserve({ ...stunnel, security, psk: randomBytes(32) });
      expect(reservation?.security).toBe('none');
    }
  });

  it.runIf(requirePrograms(installed))('S1 knows the key of a stream again after a crash', async () => {
    const options = { args, dir: await temporaryDir() };
    const server = await DataServer.start(options);
    const [psk, application] = [randomBytes(32), await echo()];
    const { reservation } = await server.client.reserve({ ...stunnel, psk });
    const [id, listener] = [reservation?.id ?? '', first(reservation?.listeners ?? [])];
    await server.client.update({ id, forwards: [{ targets: [application.address] }] });
    await server.program.kill('SIGKILL');

    const { client } = await DataServer.start(options);
    expect((await client.list({})).reservations).toMatchObject([{ id, security: 'none' }]);
    const moved = await echo();
    // Renders everything again, with the key.
    await client.update({ id, forwards: [{ targets: [moved.address] }] });
    const peer = await legacyStunnel({ client: true, connect: listener, key: psk });
    expect(await exchange(peer, 'measurement')).toBe('measurement');
    const impostor = await legacyStunnel({ client: true, connect: listener, key: randomBytes(32) });
    expect(await exchange(impostor, 'let me in').catch(() => '')).toBe('');
    expect(moved.accepted).toHaveLength(1);
    await client.release({ id });
  });
});
