import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { until } from '../../src/core/until.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { proxyPackages } from '../support/processes.js';
import { run } from '../support/program.js';
import { requirePrograms } from '../support/requires.js';
import { legacyStunnel } from '../support/legacy-stunnel.js';
import { echo, exchange } from '../support/tcp.js';
import { first, openEnd } from '../support/v1.js';
import { between, fails, failsInOneSentence, stream, succeeds } from '../cli/commands.js';

const legacy = ['--legacy-stunnel-peer'];
const pairing = ['-t', 'StunnelSubprocess', ...legacy];

/** The key that the Python implementation makes of a uid. */
function keyOf(uid: string): Buffer {
  return Buffer.from(uid.replaceAll('-', ''), 'hex');
}

/** Waits until the data server has warned of so many sessions. */
async function warnedOf({ stateDir }: Facility, sessions: number): Promise<void> {
  await until(`a warning for each of ${sessions} sessions`, 5_000, async () => {
    const log = await readFile(path.join(stateDir, 's2ds.log'), 'utf8');
    const warnings = log.split('\n').filter((line) => line.includes('this stream is not encrypted'));
    const reservations = new Set(warnings.map((line) => /"reservation":"(\w+)"/.exec(line)?.[1]));
    return warnings.every((line) => line.includes('"level":"warn"')) && reservations.size === sessions;
  });
}

describe('--legacy-stunnel-peer', () => {
  it.each(['relay', 'haproxy-process', 'Nginx', 'mock'])('S1 is refused with a type of %s', async (type) => {
    const stateDir = path.join(await temporaryDir(), 'state');
    const args = ['--port', '0', '--port-range', '0', '--state-dir', stateDir, '-t', type, ...legacy];
    const failure = { code: 2, says: /--legacy-stunnel-peer needs a --type of stunnel, not / };
    await failsInOneSentence('s2cs', args, failure);
    await failsInOneSentence('s2cs', [...args, '--check'], failure);
  });

  it('S1 is refused where encryption is demanded', async () => {
    const args = ['--state-dir', path.join(await temporaryDir(), 'state'), ...pairing, '--security', 'tls-psk'];
    const failure = {
      code: 2,
      says: /--legacy-stunnel-peer does not encrypt, which --security tls-psk demands: leave one/,
    };
    await failsInOneSentence('s2cs', args, failure);
    await failsInOneSentence('s2cs', [...args, '--check'], failure);
  });

  it('S1 is no encryption for --check either', async () => {
    const args = ['--check', '--json', '--state-dir', path.join(await temporaryDir(), 'state')];
    for (const [flags, security] of [
      [legacy, ['none']],
      [[], ['tls-psk']],
    ] as const) {
      // Whether the type can run here decides on the exit code only.
      const { stdout } = await run('s2cs', [...args, '-t', 'StunnelSubprocess', ...flags]);
      const types = z.array(z.object({ engine: z.string(), security: z.array(z.string()) })).parse(JSON.parse(stdout));
      for (const type of types.filter(({ engine }) => engine === 'stunnel')) expect(type.security).toEqual(security);
      expect(types.find(({ engine }) => engine === 'relay')?.security).toEqual(['tls-psk', 'none']);
    }
  });
});

describe.runIf(requirePrograms(...proxyPackages))('a facility with --legacy-stunnel-peer', () => {
  it('S1 warns of it when it starts', async () => {
    const { program } = await Facility.start(pairing);
    await program.shows(/"level":"warn".*streams are not encrypted/, 'stderr');
  });

  it('S1 says that nothing is encrypted, and refuses who wants it to be', async () => {
    const facility = await Facility.start(pairing);
    const client = facility.client();
    const { defaultSecurity, types } = await client.getFacility();
    expect(defaultSecurity).toBe('none');
    for (const { engine, security } of types) if (engine === 'stunnel') expect(security).toEqual(['none']);
    const wanted = { role: 'PROD', targets: [(await echo()).address], key: randomBytes(32) } as const;
    await expect(client.createSession({ ...wanted, security: 'tls-psk' })).rejects.toMatchObject({
      code: 'NOT_IMPLEMENTED',
      message:
        'Data server type stunnel-process cannot protect a stream by "tls-psk"; ask both ends for security none, or choose another type.',
    });
    const { uid, security } = await client.createSession(wanted);
    expect(security).toBe('none');
    expect((await client.getSession(uid)).security).toBe('none');
    await expect(client.createSession({ ...wanted, key: undefined, uid: 'run.1' })).rejects.toMatchObject({
      code: 'BAD_FORMAT',
      message: expect.stringMatching(/^uid run\.1 cannot be a key: .*; leave out the uid\.$/) as string,
    });
  });

  it("S1 takes a client's own key rather than the uid", async () => {
    const facility = await Facility.start(pairing);
    const [application, key, uid] = [await echo(), randomBytes(32), randomUUID()];
    const targets = [application.address];
    const { listeners } = await facility.client().createSession({ uid, role: 'PROD', targets, key });
    const peer = await legacyStunnel({ client: true, connect: first(listeners), key });
    expect(await exchange(peer, 'measurement')).toBe('measurement');
    const impostor = await legacyStunnel({ client: true, connect: first(listeners), key: keyOf(uid) });
    expect(await exchange(impostor, 'let me in').catch(() => '')).toBe('');
    expect(application.accepted).toHaveLength(1);
  });

  it.each([{ how: [] }, { how: ['--security', 'none'] }])(
    'S1 pairs two of ours, and s2uc says that nothing is encrypted: $how',
    async ({ how }) => {
      const [one, two] = await Promise.all([Facility.start(pairing), Facility.start(pairing)]);
      const application = await echo();
      const args = ['stream', ...between(one, two), '--targets', application.address, ...how, '--json'];
      const { stdout, stderr } = await succeeds('s2uc', args);
      const { inbound, outbound, connect } = stream.parse(JSON.parse(stdout));
      expect([inbound.security, outbound.security]).toEqual(['none', 'none']);
      expect(stderr).toMatch(/not encrypted/);
      expect(await exchange(first(connect), 'measurement')).toBe('measurement');
      const impostor = await legacyStunnel({ client: true, connect: first(inbound.listeners), key: randomBytes(16) });
      expect(await exchange(impostor, 'let me in').catch(() => '')).toBe('');
      // Nor does a leg without any protection get through, which shows the same security.
      await exchange(first(inbound.listeners), 'let me in').catch(() => '');
      expect(application.accepted).toHaveLength(1);
      const encrypted = ['stream', ...between(one, two), '--targets', application.address, '--security', 'tls-psk'];
      await fails('s2uc', encrypted, {
        code: 12,
        says: /cannot protect a stream by "tls-psk"; ask both ends for security none/,
      });
    },
  );

  it('S1 lets in a Python gateway that has the key of the session, warns, and refuses another key', async () => {
    const facility = await Facility.start(pairing);
    const application = await echo();
    const uid = randomUUID();
    const { listeners } = await openEnd(facility.v1().v1, uid, 'PROD', [application.address]);
    const peer = await legacyStunnel({ client: true, connect: first(listeners), key: keyOf(uid) });
    expect(await exchange(peer, 'measurement')).toBe('measurement');
    await warnedOf(facility, 1);
    const impostor = await legacyStunnel({ client: true, connect: first(listeners), key: randomBytes(16) });
    expect(await exchange(impostor, 'let me in').catch(() => '')).toBe('');
    expect(application.accepted).toHaveLength(1);
    await openEnd(facility.v1().v1, randomUUID(), 'PROD', [application.address]);
    await warnedOf(facility, 2);
  });

  it('S1 reaches a Python gateway that has the key of the session, and tells nothing to one with another key', async () => {
    const facility = await Facility.start(pairing);
    const application = await echo();
    const uid = randomUUID();
    const peer = await legacyStunnel({ client: false, connect: application.address, key: keyOf(uid) });
    const { v1 } = facility.v1();
    const { listeners } = await openEnd(v1, uid, 'CONS', [peer]);
    expect(await exchange(first(listeners), 'measurement')).toBe('measurement');
    const impostor = await legacyStunnel({ client: false, connect: application.address, key: randomBytes(16) });
    await v1.update({ uid, role: 'CONS', remoteListeners: [impostor] });
    expect(await exchange(first(listeners), 'secret').catch(() => '')).toBe('');
    expect(application.accepted).toHaveLength(1);
  });

  it('S1 does not pair with it unless told to', async () => {
    const facility = await Facility.start(['-t', 'StunnelSubprocess', '--security', 'tls-psk', '--psk-from-uid']);
    const application = await echo();
    const uid = randomUUID();
    const { listeners } = await openEnd(facility.v1().v1, uid, 'PROD', [application.address]);
    const peer = await legacyStunnel({ client: true, connect: first(listeners), key: keyOf(uid) });
    expect(await exchange(peer, 'measurement').catch(() => '')).toBe('');
    expect(application.accepted).toHaveLength(0);
    expect(facility.program.stderr).not.toMatch(/streams are not encrypted/);
  });
});
