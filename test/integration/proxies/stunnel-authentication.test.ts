import { randomBytes } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { until } from '../../../src/core/until.js';
import type { ProxyControl } from '../../../src/data/engines/proxy/proxy.js';
import { stunnel } from '../../../src/data/engines/proxy/stunnel/kind.js';
import { fast, forward, freePort, psk, pskOnly } from '../../support/engine.js';
import { legacyStunnel } from '../../support/legacy-stunnel.js';
import { Program } from '../../support/program.js';
import { countersOf, TestProxy, type ProxyOptions } from '../../support/proxy.js';
import { requirePrograms } from '../../support/requires.js';
import { accepts, connect, echo, exchange } from '../../support/tcp.js';

const openssl = { name: 'openssl', check: ['openssl', 'version'], hint: 'apt-get install openssl' } as const;
const installed = { name: 'stunnel', check: ['stunnel', '-version'], hint: 'apt-get install stunnel4' } as const;

const key = randomBytes(32);
const right = showing(key);
const wrong = showing(randomBytes(32));
const anonymous = ['-tls1_2', '-cipher', 'AECDH-NULL-SHA:@SECLEVEL=0'];
/** What openssl would take if it were let: every suite there is, without a key. */
const anything = ['-tls1_2', '-cipher', 'ALL:eNULL:aNULL:@SECLEVEL=0'];

describe.runIf(requirePrograms(openssl, installed))('stunnel', () => {
  it.each([
    ['S1-fix', 'without a key', ['-tls1_3']],
    ['S1-fix', 'with another key', [...wrong, '-tls1_3']],
    ['S1', 'that is anonymous', anonymous],
    ['S1', 'that takes any suite of TLS 1.2', anything],
    ['S1', 'with the key but TLS 1.2', [...right, '-tls1_2']],
  ])('%s refuses and counts a client %s', async (_, __, args) => {
    const application = await echo();
    const { address, control } = await startStunnel({ targets: [application.address], protection: psk(key) });
    expect(await asked(address, args)).toBe('');
    await refuses(control, 1);
    expect(application.accepted).toHaveLength(0);
  });

  it('S1-fix serves a client with the right key', async () => {
    const application = await echo();
    const { address, control } = await startStunnel({ targets: [application.address], protection: psk(key) });
    await served(address, [...right, '-tls1_3']);
    expect(await countersOf(control)).toMatchObject({ failedHandshakes: 0, totalConnections: 1 });
  });

  it.each([
    ['S1-fix', 'shows a certificate and needs no key', () => [...certificate(), '-tls1_3']],
    ['S1-fix', 'has another key', () => ['-nocert', ...wrong, '-tls1_3']],
    ['S1-fix', 'has another key and a certificate', () => [...certificate(), ...wrong, '-tls1_3']],
    ['S1', 'is anonymous', () => ['-nocert', ...anonymous]],
  ])('%s refuses and counts a target that %s, and tells it nothing', async (_, __, args) => {
    const { address: target, program } = await serverOf(args());
    const { address, control } = await startStunnel({ wan: 'target', targets: [target], protection: psk(key) });
    expect(await exchange(address, 'secret measurement').catch(() => '')).toBe('');
    await refuses(control, 1);
    expect(await countersOf(control)).toMatchObject({ refusedConnections: 1, bytesIn: 0, bytesOut: 0 });
    expect(program.stdout).not.toContain('secret measurement');
  });

  it('S1-fix reaches a target that has the right key', async () => {
    const { address: target, program } = await serverOf(['-nocert', ...right, '-tls1_3']);
    const { address } = await startStunnel({ wan: 'target', targets: [target], protection: psk(key) });
    (await connect(address)).write('measurement\n');
    await program.shows(/measurement/);
  });

  it('S1-fix lets nothing through between it and a relay with another key', async () => {
    const application = await echo();
    const inbound = await startStunnel({ targets: [application.address], protection: psk(key) });
    const outbound = await forward(fast, { role: 'CONS', targets: [inbound.address], protection: psk() });
    expect(await exchange(outbound.address, 'let me in').catch(() => '')).toBe('');
    const inner = await forward(fast, { targets: [application.address], protection: psk() });
    const outer = await startStunnel({ wan: 'target', targets: [inner.address], protection: psk(key) });
    expect(await exchange(outer.address, 'let me in').catch(() => '')).toBe('');
    expect(application.accepted).toHaveLength(0);
  });
});

describe.runIf(requirePrograms(openssl, installed))('stunnel for a legacy peer', () => {
  const ours = { protection: pskOnly(key) };

  it.each([
    ['without a key', anything],
    ['that is anonymous', anonymous],
    ['with another key', [...wrong, '-tls1_2', '-cipher', 'PSK-NULL-SHA256:@SECLEVEL=0']],
    ['with TLS 1.3', [...right, '-tls1_3']],
  ])('S1 refuses a client %s', async (_, args) => {
    const application = await echo();
    const { address, control } = await startStunnel({ targets: [application.address], ...ours });
    expect(await asked(address, args)).toBe('');
    await refuses(control, 1);
    expect(application.accepted).toHaveLength(0);
  });

  it('S1 serves a client with the right key and the one suite', async () => {
    const application = await echo();
    const { address } = await startStunnel({ targets: [application.address], ...ours });
    await served(address, [...right, '-tls1_2', '-cipher', 'PSK-NULL-SHA256:@SECLEVEL=0']);
  });

  it('S1 serves a stunnel client that is configured as the Python gateway does it, and refuses its wrong key', async () => {
    const application = await echo();
    const { address, control } = await startStunnel({ targets: [application.address], ...ours });
    const peer = await legacyStunnel({ client: true, connect: address, key });
    expect(await exchange(peer, 'measurement')).toBe('measurement');
    const impostor = await legacyStunnel({ client: true, connect: address, key: randomBytes(32) });
    expect(await exchange(impostor, 'let me in').catch(() => '')).toBe('');
    await refuses(control, 1);
    expect(application.accepted).toHaveLength(1);
  });

  it('S1 reaches a stunnel server that is configured as the Python gateway does it, and refuses its wrong key', async () => {
    const application = await echo();
    const peer = await legacyStunnel({ client: false, connect: application.address, key });
    const { address } = await startStunnel({ wan: 'target', targets: [peer], ...ours });
    expect(await exchange(address, 'measurement')).toBe('measurement');
    const impostor = await legacyStunnel({ client: false, connect: application.address, key: randomBytes(32) });
    const refusing = await startStunnel({ wan: 'target', targets: [impostor], ...ours });
    expect(await exchange(refusing.address, 'secret').catch(() => '')).toBe('');
    await refuses(refusing.control, 1);
    expect(application.accepted).toHaveLength(1);
  });

  it('S1 refuses an anonymous server', async () => {
    const { address: target, program } = await serverOf(['-nocert', ...anonymous]);
    const { address, control } = await startStunnel({ wan: 'target', targets: [target], ...ours });
    expect(await exchange(address, 'secret measurement').catch(() => '')).toBe('');
    await refuses(control, 1);
    expect(program.stdout).not.toContain('secret measurement');
  });

  it('S1 is what that stunnel lacks: it serves an anonymous client', async () => {
    const application = await echo();
    const peer = await legacyStunnel({ client: false, connect: application.address, key });
    await served(peer, anonymous);
  });
});

function startStunnel(options: ProxyOptions): Promise<TestProxy> {
  return TestProxy.start(stunnel, options);
}

function showing(bytes: Uint8Array): readonly string[] {
  return ['-psk', Buffer.from(bytes).toString('hex'), '-psk_identity', 'client1'];
}

function certificate(): readonly string[] {
  const { cert, key: file } = inject('certificate');
  return ['-cert', cert, '-key', file];
}

/** What a client gets back that says something and waits until it is served or refused. */
async function asked(address: string, args: readonly string[]): Promise<string> {
  const client = new Program('openssl', ['s_client', '-connect', address, '-quiet', '-no_ign_eof', ...args]);
  client.process.stdin?.on('error', () => undefined).write('let me in\n');
  const { code, stdout } = await client.finished;
  expect(code).not.toBe(0);
  return stdout;
}

async function served(address: string, args: readonly string[]): Promise<void> {
  const client = new Program('openssl', ['s_client', '-connect', address, '-quiet', ...args]);
  client.process.stdin?.write('let me in\n');
  await client.shows(/let me in/);
}

async function serverOf(args: readonly string[]): Promise<{ address: string; program: Program }> {
  const address = `127.0.0.1:${await freePort()}`;
  const program = new Program('openssl', ['s_server', '-accept', address, '-quiet', ...args]);
  await until(`${address} accepting connections`, 10_000, () => {
    if (!program.running) throw new Error(`it ended first:\n${program.stderr}`);
    return accepts(address);
  });
  return { address, program };
}

async function refuses(control: ProxyControl, count: number): Promise<void> {
  await until('the refusals being counted', 10_000, async () => {
    return (await countersOf(control)).failedHandshakes === count;
  });
}
