import { describe, expect, it } from 'vitest';
import { parseEndpoint } from '../../src/core/endpoint.js';
import { Facility, plainFacilities } from '../support/facility.js';
import { run, start } from '../support/program.js';
import { echo, exchange, freePortRange } from '../support/tcp.js';
import { first, requested } from '../support/v1.js';
import { at, expectFailure, fails, session, succeeds, succeedsWithJson } from './commands.js';

/** The two lines that users' scripts read from what a request printed. */
function scriptLines(stdout: string): { identity: string; listeners: string[] } {
  const [, identity = ''] = /^(\S+ \S+:\d+ \S+ (?:PROD|CONS))$/m.exec(stdout) ?? [];
  const [, inside = ''] = /^Listeners: \[(.*)\]$/m.exec(stdout) ?? [];
  return { identity, listeners: [...inside.matchAll(/'([^']+)'/g)].map(([, listener = '']) => listener) };
}

describe('one end at a time, as with the Python tools', () => {
  it('opens a stream by the commands of the tutorials and prints the lines that scripts read', async () => {
    const [producer, consumer] = await plainFacilities();
    const application = await echo();
    const { port } = parseEndpoint(application.address);
    const inbound = await succeeds('s2uc', [
      ...['inbound_request', '--remote_ip', '127.0.0.1', '--receiver_ports', `${port},${port}`, '--num_conn', '2'],
      ...['--s2cs', producer.address, '--server_cert', producer.certificate, '--mock', 'False'],
    ]);
    const produced = scriptLines(inbound.stdout);
    const [uid = '', s2cs, token, role] = produced.identity.split(' ');
    expect([s2cs, token, role]).toEqual([producer.address, 'NO_AUTH', 'PROD']);
    expect(produced.listeners).toHaveLength(2);

    const outbound = await succeeds('s2uc', [
      ...['outbound_request', uid, produced.listeners.join(','), '--s2cs', consumer.address],
      ...['--server_cert', consumer.certificate],
    ]);
    const consumed = scriptLines(outbound.stdout);
    expect(consumed.identity).toBe(`${uid} ${consumer.address} NO_AUTH CONS`);
    expect(consumed.listeners).toHaveLength(2);
    for (const listener of consumed.listeners) expect(await exchange(listener, 'as ever')).toBe('as ever');
    for (const { stderr } of [inbound, outbound]) {
      expect(stderr).toBe('Note: the data between the facilities is not encrypted.\n');
    }
    for (const facility of [producer, consumer]) {
      await succeeds('s2uc', ['release', uid, ...at(facility)]);
      await facility.holdsNothing();
    }
  });

  it('prints one JSON object for scripts, with a time at which the session ends by itself', async () => {
    const facility = await Facility.start();
    const target = (await echo()).address;
    const asked = Date.now();
    const request = ['outbound-request', 'run-7', `${target},${target}`, ...at(facility), '--lifetime', '1s'];
    const opened = await succeedsWithJson(session, 's2uc', [...request, '--label', 'job=1']);
    expect(opened).toMatchObject({
      uid: 'run-7',
      role: 'CONS',
      s2cs: facility.address,
      state: 'active',
      targets: [target, target],
      security: 'none',
    });
    expect(opened.listeners).toHaveLength(2);
    expect(Date.parse(opened.expires ?? '')).toBeGreaterThanOrEqual(asked + 1000);
    await facility.holdsNothing();
    await fails('s2uc', ['show', 'run-7', ...at(facility)], { code: 5, says: /No session run-7 here/ });
  });

  it('R26 R27 expects an application at the same ports in every command that is not told any', async () => {
    const facility = await Facility.start();
    const usual = [5074, 5075, 5076, 37000, 47000].map((port) => `127.0.0.1:${port}`);
    const inbound = succeedsWithJson(session, 's2uc', ['inbound-request', ...at(facility)]);
    const waiting = start('s2uc', ['prod-req', '--uid', 'by-controller', ...at(facility), '--json']);
    await waiting.shows(/^Waiting for the application controller of: by-controller \S+ NO_AUTH PROD$/m, 'stderr');
    const mock = ['mock', 'by-controller', facility.address, 'NO_AUTH', 'PROD', '--server-cert', facility.certificate];
    await succeeds('appctrl', mock);
    const requestedOne = session.parse(JSON.parse((await waiting.finished).stdout));
    expect([(await inbound).targets, requestedOne.targets]).toEqual([usual, usual]);
    expect([(await inbound).listeners.length, requestedOne.listeners.length]).toEqual([5, 5]);
  });

  it('--mock leaves the Hello to a controller, and giving up meanwhile frees the ports', async () => {
    const facility = await Facility.start();
    const waiting = start('s2uc', ['inbound-request', '--uid', 'given-up', '--mock', 'True', ...at(facility)]);
    await waiting.shows(/^Waiting for the application controller of: given-up /m, 'stderr');
    await requested(facility, 'given-up');
    const finished = await waiting.kill('SIGTERM');
    expectFailure(finished, 143, /Waiting/);
    await facility.holdsNothing();
  });

  it("R22 gives the outbound end the ports and the address it wants, or says that it can't", async () => {
    const range = await freePortRange(3);
    const [low = 0, , high = 0] = range.split('-').flatMap((port) => [Number(port), Number(port) + 1]);
    const facility = await Facility.start(['--port-range', range]);
    const open = (uid: string, ...more: string[]) =>
      run('s2uc', ['outbound-request', uid, '127.0.0.1:7000', ...at(facility), '--json', ...more]);
    const listenerOf = async (uid: string, ...more: string[]) => {
      const { stdout, stderr } = await open(uid, ...more);
      return parseEndpoint(first(session.parse(JSON.parse(stdout || stderr)).listeners));
    };
    const wanted = await listenerOf('wanted', '--receiver_ports', String(high), '--remote_ip', '127.0.0.1');
    expect(wanted).toEqual({ host: '127.0.0.1', port: high });
    const taken = await listenerOf('taken', '--receiver-ports', String(high));
    const outside = await listenerOf('outside', '--receiver-ports', String(high + 1));
    expect([taken.port, outside.port].sort()).toEqual([low, low + 1]);
    const elsewhere = await open('elsewhere', '--remote-ip', '127.0.0.2');
    expectFailure(elsewhere, 2, /cannot listen at "127\.0\.0\.2", only at 127\.0\.0\.1/);
    expect((await facility.client().listSessions()).map(({ uid }) => uid).sort()).toEqual([
      'outside',
      'taken',
      'wanted',
    ]);
  });

  it('refuses what has the wrong form before it calls anybody', async () => {
    const refuse = (args: string[], says: RegExp) =>
      fails('s2uc', [...args, '--s2cs', '127.0.0.1:1'], { code: 2, says });
    await Promise.all([
      refuse(['inbound-request', '--remote-ip', 'beamline'], /"beamline" is not an IP address/),
      refuse(['outbound-request', 'uid\nx', '127.0.0.1:1'], /uid "uid\\nx" must be/),
      refuse(['outbound-request', 'uid', '127.0.0.1:1,'], /"" is not host:port/),
    ]);
  });
});
