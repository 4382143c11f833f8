import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStream, requestSession, Secret } from '../../src/index.js';
import { Facility } from '../support/facility.js';
import { echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';

const encrypting = ['--security', 'tls-psk'];
const target = ['127.0.0.1:7000'];

/** All that a facility has written or shows of its processes. */
async function traces(facility: Facility): Promise<string> {
  const files = (await readdir(facility.stateDir)).filter((file) => !file.endsWith('.sock'));
  const texts = files.map((file) => readFile(path.join(facility.stateDir, file), 'latin1'));
  const { pid } = await facility.agent().info({});
  const argv = [pid, facility.program.process.pid].map((of) => readFile(`/proc/${of ?? 0}/cmdline`, 'latin1'));
  return [...(await Promise.all([...texts, ...argv])), facility.program.stdout, facility.program.stderr].join('\n');
}

describe('streams between facilities', () => {
  it('S1 are as the facility demands, which it tells with what could be had', async () => {
    const facility = await Facility.start(['--security', 'tls-psk']);
    const offer = await facility.client().getFacility();
    expect(offer.defaultSecurity).toBe('tls-psk');
    expect(first(offer.types)).toMatchObject({ name: 'relay', security: ['tls-psk', 'none'], udp: true, rate: true });
  });

  it('get one protection at both ends, whichever facility demands it', async () => {
    const [demanding, lenient] = await Promise.all([
      Facility.start(encrypting),
      Facility.start(['--security', 'none']),
    ]);
    for (const [inbound, outbound] of [
      [demanding.server, lenient.server],
      [lenient.server, demanding.server],
    ] as const) {
      await using stream = await openStream({ inbound, outbound, targets: target });
      expect([stream.inbound.security, stream.outbound.security]).toEqual(['tls-psk', 'tls-psk']);
    }
    const plain = { inbound: lenient.server, outbound: demanding.server, targets: target, security: 'none' } as const;
    await expect(openStream(plain)).rejects.toMatchObject({ code: 'POLICY_DENIED' });
    await demanding.holdsNothing();
    await lenient.holdsNothing();
  });

  it('carry datagrams or a rate as asked for', async () => {
    const [one, two] = await Promise.all([Facility.start(['-t', 'mock']), Facility.start(['-t', 'mock'])]);
    const wanted = { inbound: one.server, outbound: two.server, targets: target, maxRate: 20_000_000 };
    await using stream = await openStream({ ...wanted, transport: 'udp' });
    const expected = { transport: 'udp', maxRate: 20_000_000n, security: 'none' };
    expect([stream.inbound, stream.outbound]).toMatchObject([expected, expected]);
    await expect(openStream({ ...wanted, transport: 'udp', security: 'tls-psk' })).rejects.toMatchObject({
      code: 'NOT_IMPLEMENTED',
      message: 'UDP streams cannot be encrypted; ask for security none.',
    });
  });

  it('S6 S7 leave no trace of their key in logs, state, arguments or answers', async () => {
    const facility = await Facility.start([...encrypting, '--verbose']);
    const bytes = randomBytes(32);
    const client = facility.client();
    const created = await client.createSession({ uid: 'v2', role: 'PROD', targets: target, key: new Secret(bytes) });
    const application = { role: 'PROD', numConn: 1, application: target } as const;
    const requested = await requestSession(client, { ...application, uid: 'v1', key: new Uint8Array(bytes) });
    expect([created.security, requested.security]).toEqual(['tls-psk', 'tls-psk']);
    await client.updateSession('v2', { maxRate: 1000 });
    const { reservations } = await facility.agent().list({ connections: true });
    expect(reservations).toHaveLength(2);
    const shown = JSON.stringify(
      [created, requested, reservations, await client.listSessions()],
      (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
    );
    const all = shown + (await traces(facility));
    expect(all).toContain('reserved');
    for (const shape of ['hex', 'base64', 'base64url', 'latin1'] as const) {
      expect(all).not.toContain(bytes.toString(shape));
    }
  });

  it('keep rate, protection and transport when the control server is succeeded by another', async () => {
    const before = await Facility.start(['--port-range', '0']);
    const { listeners } = await before
      .client()
      .createSession({ uid: 'kept', role: 'PROD', targets: [(await echo()).address], maxRate: 1_000_000_000 });
    await before.client().updateSession('kept', { maxRate: 500_000_000 });
    await before.program.kill('SIGKILL');
    const after = await Facility.start(['--port-range', '0'], before.stateDir);
    const found = await after.client().getSession('kept');
    expect(found).toMatchObject({ maxRate: 500_000_000n, security: 'none', transport: 'tcp', listeners });
    expect(await exchange(first(listeners), 'still')).toBe('still');
    expect(first((await after.agent().list({})).reservations).maxRate).toBe(500_000_000n);
  });
});
