import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { defaultStateDir } from './paths.js';
import { loadS2csConfig, type S2csConfig } from './s2cs.js';

function load(flags: Record<string, unknown> = {}): Promise<S2csConfig> {
  return loadS2csConfig({ flags });
}

const beyondLoopback = ['0.0.0.0', '::', '192.0.2.7', '2001:db8::7'];

describe('settings of a control server', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('S4 S6 is safe when nothing is said: loopback only, TLS on, no uid as a key', async () => {
    expect(await load({ stateDir: '/tmp/x' })).toEqual({
      listenerIp: '127.0.0.1',
      port: 5000,
      portRange: { kind: 'range', first: 5100, last: 5200 },
      type: 'relay',
      pskFromUid: false,
      enforceV1Rate: false,
      ssl: true,
      stateDir: '/tmp/x',
      allowAnonymous: false,
      allowInsecure: false,
      helloTimeout: 180_000,
      maxSessions: 1000,
      ...{ socketBuffer: 0, idleTimeout: 0, portable: false, legacyStunnelPeer: false },
      verbose: false,
      json: false,
    });
  });

  it('takes a protection by its name only, also from the environment', async () => {
    expect((await load({ security: 'none' })).security).toBe('none');
    vi.stubEnv('SCISTREAM_S2CS_SECURITY', 'tls-psk');
    vi.stubEnv('SCISTREAM_S2CS_ENFORCE_V1_RATE', 'true');
    expect(await load()).toMatchObject({ security: 'tls-psk', enforceV1Rate: true });
    await expect(load({ security: 'TLS' })).rejects.toMatchObject({
      code: 'BAD_FORMAT',
      message: 'security: security "TLS" must be tls-psk or none.',
    });
  });

  it.each(beyondLoopback)('S4 listens at %s only when anonymous users are meant to get in', async (listenerIp) => {
    await expect(load({ listenerIp })).rejects.toMatchObject({
      code: 'BAD_FORMAT',
      message: expect.stringContaining('--allow-anonymous') as string,
    });
    expect((await load({ listenerIp, allowAnonymous: true })).listenerIp).toBe(listenerIp);
  });

  it.each(beyondLoopback)('listens at %s without TLS only when that is meant', async (listenerIp) => {
    const flags = { listenerIp, allowAnonymous: true, ssl: false };
    await expect(load(flags)).rejects.toMatchObject({
      code: 'BAD_FORMAT',
      message: expect.stringContaining('--allow-insecure') as string,
    });
    expect((await load({ ...flags, allowInsecure: true })).ssl).toBe(false);
  });

  it.each(['127.0.0.1', '127.1.2.3', '::1', '[::1]'])(
    'needs no leave to listen at %s, TLS or not',
    async (listenerIp) => {
      expect((await load({ listenerIp, ssl: false })).listenerIp).toBe(listenerIp.replace(/[[\]]/g, ''));
    },
  );

  it('S1 refuses to demand encryption where the legacy peer has none', async () => {
    await expect(load({ legacyStunnelPeer: true, security: 'tls-psk' })).rejects.toMatchObject({
      code: 'BAD_FORMAT',
      message: '--legacy-stunnel-peer does not encrypt, which --security tls-psk demands: leave one of them out.',
    });
    expect((await load({ legacyStunnelPeer: true, security: 'none' })).security).toBe('none');
  });

  it.each([{ serverCrt: 'a.crt' }, { serverKey: 'a.key' }])('refuses %j alone', async (flags) => {
    await expect(load(flags)).rejects.toMatchObject({
      code: 'BAD_FORMAT',
      message: '--server-crt and --server-key belong together; give both or neither.',
    });
  });

  it('takes every setting from the environment too', async () => {
    const environment = {
      LISTENER_IP: '::1',
      PORT: '0',
      PORT_RANGE: '6000-6001',
      TYPE: 'S2DS',
      SSL: 'False',
      STATE_DIR: 'relative/dir',
      HELLO_TIMEOUT: '2s',
      MAX_SESSIONS: '7',
      VERBOSE: 'true',
    };
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(`SCISTREAM_S2CS_${name}`, value);
    expect(await load({ port: '5001' })).toMatchObject({
      listenerIp: '::1',
      port: 5001,
      portRange: { kind: 'range', first: 6000, last: 6001 },
      type: 'S2DS',
      ssl: false,
      stateDir: path.resolve('relative/dir'),
      helloTimeout: 2000,
      maxSessions: 7,
      verbose: true,
    });
  });

  it.each([
    ['listener-ip', { listenerIp: 'gateway' }],
    ['port', { port: '70000' }],
    ['port-range', { portRange: '5200-5100' }],
    ['hello-timeout', { helloTimeout: 'soon' }],
    ['max-sessions', { maxSessions: '0' }],
    ['max-sessions', { maxSessions: 'all' }],
  ])('names the setting when %s is wrong', async (setting, flags) => {
    await expect(load(flags)).rejects.toMatchObject({
      code: 'BAD_FORMAT',
      message: expect.stringContaining(setting) as string,
    });
  });

  it('puts nothing into the folder it runs in because a variable or an option is empty', async () => {
    for (const name of ['STATE_DIR', 'TEMPLATE_DIR', 'SERVER_CRT', 'SERVER_KEY', 'JANUS_CA']) {
      vi.stubEnv(`SCISTREAM_S2CS_${name}`, '');
    }
    const { stateDir, templateDir, serverCrt, janusCa } = await load();
    expect({ stateDir, templateDir, serverCrt, janusCa }).toEqual({ stateDir: defaultStateDir('s2cs') });
    await expect(load({ stateDir: '' })).rejects.toMatchObject({ message: 'state-dir: A path must not be empty.' });
    await expect(load({ templateDir: '' })).rejects.toMatchObject({ code: 'BAD_FORMAT' });
  });

  it('cannot be changed afterwards', async () => {
    expect(Object.isFrozen(await load())).toBe(true);
  });
});
