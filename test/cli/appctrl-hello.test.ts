import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { until } from '../../src/core/until.js';
import { Facility } from '../support/facility.js';
import { start } from '../support/program.js';
import { echo, serve } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { address, at, expectFailure, fails, session, succeeds, succeedsWithJson } from './commands.js';

const reply = z.strictObject({
  uid: z.string(),
  role: z.enum(['PROD', 'CONS']),
  message: z.string(),
  listeners: z.array(address),
});

/** The arguments of the Python tools, in their order. */
function introducing(uid: string, facility: Facility, role: string, ip: string): string[] {
  return [uid, facility.address, 'NO_AUTH', role, ip, '--server_cert', facility.certificate];
}

function portOf(target: string): string {
  return target.replace(/^.*:/, '');
}

describe('appctrl create-appctrl and mock', () => {
  it('R26 introduces an application at the address and the ports it is given', async () => {
    const facility = await Facility.start();
    const waiting = start('s2uc', ['prod-req', '--uid', 'given', '--num-conn', '2', ...at(facility), '--json']);
    const { address: target } = await echo();
    const ports = ['--ports', `${portOf(target)},9`];
    const hello = ['create_appctrl', ...introducing('given', facility, 'PROD', '127.0.0.1'), ...ports];
    const { stdout, stderr } = await succeeds('appctrl', hello);
    expect(stdout).toMatch(/^[^\n]*given[^\n]*\n$/);
    expect(stderr).toBe('Note: nothing listens at 127.0.0.1:9 yet.\n');
    const opened = session.parse(JSON.parse((await waiting.finished).stdout));
    expect(opened).toMatchObject({ uid: 'given', role: 'PROD', targets: [target, '127.0.0.1:9'] });
    expect(opened.listeners).toHaveLength(2);
  });

  it('tells a consumer where to connect, in the line of the Python tools and in JSON', async () => {
    const facility = await Facility.start();
    const { listeners } = await facility
      .client()
      .createSession({ uid: 'open', role: 'CONS', targets: ['127.0.0.1:7000', '127.0.0.1:7001'] });
    const hello = ['create-appctrl', ...introducing('open', facility, 'CONS', '127.0.0.1')];
    const { stdout } = await succeeds('appctrl', hello);
    expect(stdout.split('\n').slice(1)).toEqual([
      `Listeners: [${listeners.map((listener) => `'${listener}'`).join(', ')}]`,
      '',
    ]);
    expect(await succeedsWithJson(reply, 'appctrl', hello)).toMatchObject({ uid: 'open', role: 'CONS', listeners });
  });

  it('R17 mock announces an application that does not exist, at IPv6 as well', async () => {
    const facility = await Facility.start();
    const waiting = start('s2uc', ['inbound-request', '--uid', 'mocked', '--mock', ...at(facility), '--json']);
    const hello = ['mock', ...introducing('mocked', facility, 'PROD', '::1'), '--ports', '7000'];
    expect(await succeedsWithJson(reply, 'appctrl', hello)).toMatchObject({ role: 'PROD', listeners: [] });
    const { targets } = session.parse(JSON.parse((await waiting.finished).stdout));
    expect(first(targets)).toBe('[::1]:7000');
  });

  it('waits for the request when it comes first, and can be stopped meanwhile', async () => {
    const facility = await Facility.start();
    const early = start('appctrl', ['mock', ...introducing('early', facility, 'PROD', '127.0.0.1'), '--json']);
    const silent = await serve(() => undefined);
    const forever = start('appctrl', ['mock', 'never', silent.address, 'NO_AUTH', 'CONS']);
    const request = ['prod-req', '--uid', 'early', '--num-conn', '1', ...at(facility)];
    expect((await succeedsWithJson(session, 's2uc', request)).state).toBe('active');
    expect((await early.finished).code).toBe(0);
    await until('the other one waiting', 15_000, () => silent.accepted.length === 1);
    expectFailure(await forever.kill('SIGINT'), 130, /^$/);
  });

  it('refuses what has the wrong form before it calls anybody', async () => {
    const refuse = (args: string[], says: RegExp) => fails('appctrl', args, { code: 2, says });
    await Promise.all([
      refuse(['mock', 'x', '127.0.0.1:1', 'NO_AUTH', 'CONSUMER'], /role "CONSUMER" must be PROD .* or CONS/),
      refuse(['mock', 'x', '127.0.0.1', 'NO_AUTH', 'PROD'], /"127\.0\.0\.1" is not host:port/),
      refuse(['create-appctrl', 'x', '127.0.0.1:1', 'NO_AUTH', 'PROD', 'here'], /"here" is not an IP address/),
    ]);
  });
});
