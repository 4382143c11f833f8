import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { chooseSecurity } from '../../src/control/data-server-type.js';
import { grantProtection } from '../../src/control/protection-policy.js';
import { Secret } from '../../src/core/secret.js';
import { first } from '../support/v1.js';
import { memoryFacility } from '../support/memory-facility.js';

const psk = Secret.random(32).expose();
const good = { role: 'PROD', targets: ['h.example:1'] };
const uuid = '3b241101-e2bb-4255-8caf-4136c566a962';
const demanding = { security: 'tls-psk' } as const;

async function refusal(call: Promise<unknown>): Promise<{ code: Code; message: string }> {
  return call.then(
    () => expect.fail('the call succeeded'),
    (error: unknown) => {
      const { code, rawMessage } = ConnectError.from(error);
      return { code, message: rawMessage };
    },
  );
}

describe('what a facility demands of its streams', () => {
  it('S9 is given to who asks for nothing, and nobody gets less', async () => {
    const { v1, v2, agent } = memoryFacility(demanding);
    const { session } = await v2.createSession({ ...good, psk });
    expect(session).toMatchObject({ security: 'tls-psk', transport: 'tcp' });
    expect(first(agent.list()).protection.kind).toBe('tls-psk');
    for (const call of [
      v2.createSession({ ...good, security: 'none' }),
      v1.req({ uid: 'less', role: 'PROD', numConn: 1, security: 'none' }),
    ]) {
      expect(await refusal(call)).toEqual({
        code: Code.PermissionDenied,
        message: expect.stringMatching(/demands tls-psk and grants no none; ask for tls-psk at both ends/) as string,
      });
    }
    expect(agent.list()).toHaveLength(1);
  });

  it('may be less than a client asks for', async () => {
    const { v2 } = memoryFacility({ security: 'none' });
    const plain = await v2.createSession({ ...good, psk });
    const encrypted = await v2.createSession({ ...good, psk, security: 'tls-psk' });
    expect([plain.session?.security, encrypted.session?.security]).toEqual(['none', 'tls-psk']);
    expect((await v2.getFacility({})).defaultSecurity).toBe('none');
  });

  it('S1 needs a key, and a client without one is told where keys come from', async () => {
    const { v1, v2, agent } = memoryFacility(demanding);
    for (const call of [v2.createSession({ ...good, uid: 'x' }), v1.req({ uid: 'x', role: 'PROD', numConn: 1 })]) {
      const { code, message } = await refusal(call);
      expect(code).toBe(Code.InvalidArgument);
      expect(message).toMatch(/^Session x .* has none: .*s2uc stream.*--key-file.*Python.*--psk-from-uid\.$/);
    }
    expect(agent.list()).toEqual([]);
  });

  it('S6 is met by the uid as key only where the operator allows it, with a warning for each session', async () => {
    const { v2, logged } = memoryFacility({ ...demanding, pskFromUid: true });
    expect((await v2.createSession({ ...good, uid: uuid })).session?.security).toBe('tls-psk');
    const warned = logged.filter((line) => line.includes('--psk-from-uid'));
    expect(warned).toEqual([expect.stringMatching(new RegExp(`"level":"?(40|warn)"?.*${uuid}`))]);
    // A key of its own is no reason to warn.
    await v2.createSession({ ...good, uid: 'own', psk });
    expect(logged.filter((line) => line.includes('--psk-from-uid'))).toHaveLength(1);
    for (const uid of ['run.1', 'abcd', `${uuid}0`]) {
      const { code, message } = await refusal(v2.createSession({ ...good, uid }));
      expect(code).toBe(Code.InvalidArgument);
      expect(message).toMatch(/cannot be a key: without dashes it must be 32 to 128 hexadecimal digits/);
    }
  });

  it('R24 datagrams that cannot be encrypted are refused in the words of the data server, and plain ones are not', async () => {
    const { v2, v1, agent } = memoryFacility(demanding);
    for (const call of [
      v2.createSession({ ...good, transport: 'udp' }),
      v2.createSession({ ...good, transport: 'udp', psk }),
      v1.req({ uid: 'udp', role: 'PROD', numConn: 1, transport: 'udp', psk }),
    ]) {
      expect(await refusal(call)).toEqual({
        code: Code.Unimplemented,
        message: 'UDP streams cannot be encrypted; ask for security none.',
      });
    }
    expect(agent.list()).toEqual([]);
    const plain = memoryFacility({ security: 'none' });
    const { session } = await plain.v2.createSession({ ...good, transport: 'udp' });
    expect(session?.transport).toBe('udp');
    expect(first(plain.agent.list()).transport).toBe('udp');
  });

  it('is the first that the data server type offers unless the operator says otherwise', () => {
    expect(chooseSecurity(undefined, { name: 'relay', security: ['tls-psk', 'none'] })).toBe('tls-psk');
    expect(chooseSecurity('none', { name: 'relay', security: ['tls-psk', 'none'] })).toBe('none');
    expect(chooseSecurity(undefined, { name: 'new', security: ['post-quantum', 'none'] })).toBe('none');
    expect(() => chooseSecurity('tls-psk', { name: 'haproxy', security: ['none'] })).toThrow(
      'Data server type haproxy has the security none, not tls-psk; choose another --type or --security.',
    );
  });
});

describe('a key', () => {
  it('S1 goes to where peers prove it, encrypted or not, and nowhere else', () => {
    const wanted = { uid: uuid, security: '', transport: 'tcp', psk } as const;
    const grant = (pskOnly: boolean, own: Uint8Array) =>
      grantProtection(memoryFacility({ pskOnly, pskFromUid: pskOnly }).facility, { ...wanted, psk: own });
    expect(grant(false, psk)).toEqual({ security: 'none', key: undefined });
    expect(grant(true, psk).key?.expose()).toEqual(Uint8Array.from(psk));
    const { security, key } = grant(true, new Uint8Array());
    expect([security, Buffer.from(key?.expose() ?? []).toString('hex')]).toEqual(['none', uuid.replaceAll('-', '')]);
  });

  it('S6 S7 goes to the data server and is nowhere else: no message, annotation or log line holds it', async () => {
    const { v1, v2, agent, logged } = memoryFacility(demanding);
    const { session } = await v2.createSession({ ...good, uid: 'keyed', psk });
    const request = v1.req({ uid: 'old', role: 'PROD', numConn: 1, psk });
    await v1.hello({ uid: 'old', role: 'PROD', prodListeners: ['h:1'] });
    await request;
    await v2.updateSession({ uid: 'keyed', targets: ['h:2'], maxRate: 5n });
    const seen = [
      ...logged,
      ...agent.list().map(({ annotations }) => JSON.stringify(annotations)),
      JSON.stringify([session, (await v2.listSessions({})).sessions], (_, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    ].join('\n');
    expect(agent.list()).toHaveLength(2);
    for (const shape of ['hex', 'base64', 'latin1'] as const) {
      expect(seen).not.toContain(Buffer.from(psk).toString(shape));
    }
    expect(seen).not.toContain(Array.from(psk).join());
    expect(`${String(new Secret(psk))} ${JSON.stringify({ key: new Secret(psk) })}`).toBe('*** {"key":"***"}');
  });
});
