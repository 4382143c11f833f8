import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseEndpoint } from '../../src/core/endpoint.js';
import { Facility, plainFacilities, twoFacilities } from '../support/facility.js';
import { echo, exchange, freePortRange, saying } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { between, fails, session, stream, succeeds, succeedsWithJson, trusting } from './commands.js';

const sessions = z.array(session);

function portsOf(addresses: readonly string[]): number[] {
  return addresses.map((address) => parseEndpoint(address).port);
}

describe('s2uc stream', () => {
  it('opens both ends and tells scripts where to connect, in JSON without secrets', async () => {
    const [producer, consumer] = await twoFacilities();
    const target = (await echo()).address;
    const labels = ['--label', 'job=4711', '--label', 'note=a=b'];
    const wanted = ['--uid', 'run.1', '--lifetime', '1h', ...labels];
    const args = ['stream', ...between(producer, consumer), '--targets', target, ...wanted];
    const asked = Date.now();
    const opened = await succeedsWithJson(stream, 's2uc', args);
    const common = { uid: 'run.1', state: 'active', security: 'tls-psk' };
    expect(opened).toMatchObject({
      uid: 'run.1',
      inbound: { ...common, role: 'PROD', s2cs: producer.address, targets: [target] },
      outbound: { ...common, role: 'CONS', s2cs: consumer.address, targets: opened.inbound.listeners },
      connect: opened.outbound.listeners,
    });
    for (const { expires } of [opened.inbound, opened.outbound]) {
      const ms = Date.parse(expires ?? '') - 3_600_000;
      expect(ms).toBeGreaterThanOrEqual(asked);
      expect(ms).toBeLessThanOrEqual(Date.now());
    }
    expect(await exchange(first(opened.connect), 'through both ends')).toBe('through both ends');
    for (const facility of [producer, consumer]) {
      const { labels: kept } = await facility.client().getSession('run.1');
      expect(kept).toEqual({ job: '4711', note: 'a=b' });
    }
  });

  it('tells people where to connect, listener by listener, and how to end it; that it is not encrypted on stderr', async () => {
    const [producer, consumer] = await plainFacilities();
    const targets = `${(await saying('zero')).address},${(await saying('one')).address}`;
    const args = ['stream', ...between(producer, consumer), '--targets', targets, '--num_conn', '4'];
    const { stdout, stderr } = await succeeds('s2uc', args);
    const [, uid = ''] = /^Stream (\S+) is open\.$/m.exec(stdout) ?? [];
    const [, connect = ''] = /^ {2}the consumer connects to (.+)$/m.exec(stdout) ?? [];
    const [, end = ''] = /^End it with: s2uc (.+)$/m.exec(stdout) ?? [];
    expect(end.startsWith(`release ${uid} --s2cs ${producer.address},${consumer.address} --server-cert `)).toBe(true);
    expect(stderr).toBe('Note: the data between the facilities is not encrypted.\n');
    const answers = await Promise.all(connect.split(', ').map((address) => exchange(address, '')));
    expect(answers).toEqual(['zero', 'one', 'zero', 'one']);
    // As it is printed, so it works.
    await succeeds('s2uc', end.split(' '));
    await producer.holdsNothing();
    await consumer.holdsNothing();
  });

  it("R22 gives the consumer's end the ports it wants when they are in range and free, else others", async () => {
    const range = await freePortRange(4);
    const [low = 0, high = 0] = range.split('-').map(Number);
    const [producer, consumer] = await Promise.all([Facility.start(), Facility.start(['--port-range', range])]);
    const open = (ports: string, ...more: string[]) => {
      const args = ['stream', ...between(producer, consumer), '--targets', '127.0.0.1:7000', '--receiver-ports', ports];
      return succeedsWithJson(stream, 's2uc', [...args, ...more]);
    };
    expect(portsOf((await open(`${high},${high - 1}`, '--num-conn', '2')).connect)).toEqual([high, high - 1]);
    const taken = portsOf((await open(String(high))).connect);
    expect([low, low + 1]).toContain(taken[0]);
    const outside = portsOf((await open(String(high + 1))).connect);
    expect([low, low + 1]).toContain(outside[0]);
  });

  it('ends by itself when its lifetime is over', async () => {
    const [producer, consumer] = await twoFacilities();
    const args = ['stream', ...between(producer, consumer), '--targets', '127.0.0.1:7000', '--lifetime', '1s'];
    const { inbound } = await succeedsWithJson(stream, 's2uc', args);
    await Promise.all([producer.holdsNothing(), consumer.holdsNothing()]);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(inbound.expires ?? ''));
    const list = ['list', '--s2cs', `${producer.address},${consumer.address}`, ...trusting(producer, consumer)];
    expect(await succeedsWithJson(sessions, 's2uc', list)).toEqual([]);
  });

  it.each([
    [['--targets', '127.0.0.1:1', '--uid', 'a b'], /uid "a b" must be/],
    [['--targets', '127.0.0.1:1', '--label', 'job'], /"job" is not key=value/],
    [[], /required option '--targets/],
  ])('refuses %j before it calls anybody', async (args, says) => {
    await fails('s2uc', ['stream', '--inbound', '127.0.0.1:1', '--outbound', '127.0.0.1:2', ...args], {
      code: 2,
      says,
    });
  });
});
