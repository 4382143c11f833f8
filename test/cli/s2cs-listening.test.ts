import { writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseEndpoint } from '../../src/core/endpoint.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { start } from '../support/program.js';
import { accepts, echo, exchange, freePortRange } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { fails, failsInOneSentence, session, succeedsWithJson } from './commands.js';

/** An address that reaches this machine and that a listener at 127.0.0.1 does not serve. */
const elsewhere = '127.0.0.2';

/** An IPv4 address of this machine, beyond loopback if it has one. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const found = addresses.filter(({ family }) => family === 'IPv4').sort((a) => (a.internal ? 1 : -1));
  return first(found).address;
}

describe('s2cs listens where it was told', () => {
  it('S4 S9 on loopback only by default, with requests and streams', async () => {
    const facility = await Facility.start();
    expect(facility.host).toBe('127.0.0.1');
    const { listeners } = await facility.client().createSession({ role: 'PROD', targets: [(await echo()).address] });
    const { port } = parseEndpoint(first(listeners));
    expect(await accepts(`127.0.0.1:${port}`)).toBe(true);
    expect(await accepts(`${elsewhere}:${port}`)).toBe(false);
    expect(await accepts(`${elsewhere}:${facility.port}`)).toBe(false);
  });

  it('S4 on the one address that was asked for', async () => {
    const facility = await Facility.start(['--listener-ip', elsewhere]);
    expect(facility.host).toBe(elsewhere);
    const { listeners } = await facility.client().createSession({ role: 'PROD', targets: [(await echo()).address] });
    expect(parseEndpoint(first(listeners)).host).toBe(elsewhere);
    expect(await exchange(first(listeners), 'here')).toBe('here');
    expect(await accepts(`127.0.0.1:${facility.port}`)).toBe(false);
    expect(await accepts(`127.0.0.1:${parseEndpoint(first(listeners)).port}`)).toBe(false);
  });

  it('S4 R22 on every interface when that is meant, and shows addresses that can be connected to', async () => {
    const facility = await Facility.start(['--listener-ip', '0.0.0.0', '--allow-anonymous']);
    const at = (host: string) => ['--s2cs', `${host}:${facility.port}`, '--server-cert', facility.certificate];
    const request = ['outbound-request', 'everywhere', (await echo()).address];
    const asReached = await succeedsWithJson(session, 's2uc', [...request, ...at('127.0.0.1')]);
    const listener = parseEndpoint(first(asReached.listeners));
    expect(listener.host).toBe('127.0.0.1');
    expect(await exchange(`${elsewhere}:${listener.port}`, 'hello')).toBe('hello');
    const own = ownAddress();
    const asWanted = ['outbound-request', 'wanted', (await echo()).address, '--remote_ip', own, ...at('127.0.0.1')];
    const granted = first((await succeedsWithJson(session, 's2uc', asWanted)).listeners);
    expect(parseEndpoint(granted).host).toBe(own);
    expect(await exchange(granted, 'at my own address')).toBe('at my own address');
    // What can be granted on an IPv4 wildcard is an IPv4 address of this machine.
    for (const ip of ['::1', '203.0.113.254']) {
      const refused = ['outbound-request', 'refused', '127.0.0.1:7000', '--remote-ip', ip, ...at('127.0.0.1')];
      await fails('s2uc', refused, { code: 2, says: new RegExp(`cannot listen at "?${ip}`) });
    }
    await failsInOneSentence('s2uc', ['list', ...at(elsewhere)], {
      code: 8,
      says: /certificate of 127\.0\.0\.2:\d+ is not valid for that address/,
    });
  });

  it('R9 takes known data server types in any case and by any name', async () => {
    const names = ['S2ds', 'RELAY', 'Mock'];
    const target = (await echo()).address;
    const engines = await Promise.all(
      names.map(async (name) => {
        const facility = await Facility.start(['-t', name]);
        return (await facility.client().createSession({ role: 'PROD', targets: [target] })).engine;
      }),
    );
    expect(engines).toEqual(['relay', 'relay', 'mock']);
  });

  it('takes settings from flags over environment over file, in one start', async () => {
    const dir = await temporaryDir();
    const [range, config] = [await freePortRange(2), path.join(dir, 's2cs.yaml')];
    await writeFile(config, `port: 1\nport_range: 1-1\nstate-dir: ${dir}/state\nmax-sessions: 3\nverbose: true\n`);
    const env = { SCISTREAM_S2CS_PORT: '2', SCISTREAM_S2CS_PORT_RANGE: range, SCISTREAM_S2CS_JSON: 'true' };
    const program = start('s2cs', ['--config', config, '--port', '0'], { env });
    const [line] = await program.shows(/^\{.*\}$/m);
    expect(JSON.parse(line)).toMatchObject({ stateDir: path.join(dir, 'state') });
    expect(JSON.parse(line)).not.toMatchObject({ address: '127.0.0.1:2' });
    expect((await program.kill('SIGTERM')).code).toBe(0);
  });
});
