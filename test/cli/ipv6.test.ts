import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseEndpoint } from '../../src/core/endpoint.js';
import { plainFacilities, twoFacilities } from '../support/facility.js';
import { echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { at, between, session, stream, succeeds, succeedsWithJson, trusting } from './commands.js';

describe('R17 IPv6', () => {
  it('R17 carries a stream between servers, applications and listeners at ::1', async () => {
    const [producer, consumer] = await twoFacilities(['--listener-ip', '::1']);
    expect([producer.address, consumer.address]).toEqual([`[::1]:${producer.port}`, `[::1]:${consumer.port}`]);
    const target = (await echo('::1')).address;
    const args = ['stream', ...between(producer, consumer), '--targets', target];
    const { connect, inbound } = await succeedsWithJson(stream, 's2uc', args);
    expect(inbound).toMatchObject({ s2cs: producer.address, targets: [target] });
    expect(parseEndpoint(first(connect)).host).toBe('::1');
    expect(await exchange(first(connect), 'six')).toBe('six');
    const all = ['release', '--all', '--s2cs', `${producer.address},${consumer.address}`];
    await succeeds('s2uc', [...all, ...trusting(producer, consumer)]);
    await producer.holdsNothing();
    await consumer.holdsNothing();
  });

  it('R17 works with the commands for one end, which print brackets', async () => {
    const [producer, consumer] = await plainFacilities(['--listener-ip', '[::1]']);
    const { port } = parseEndpoint((await echo('::1')).address);
    const application = ['--remote-ip', '::1', '--receiver-ports', String(port)];
    const inbound = await succeeds('s2uc', ['inbound-request', ...at(producer), ...application, '--uid', 'six']);
    const [, listener = ''] = /^Listeners: \['(\[::1\]:\d+)'\]$/m.exec(inbound.stdout) ?? [];
    expect(inbound.stdout).toContain(`six [::1]:${producer.port} NO_AUTH PROD\n`);
    const request = ['outbound-request', 'six', listener, ...at(consumer), '--remote-ip', '[::1]'];
    const outbound = await succeedsWithJson(session, 's2uc', request);
    expect(await exchange(first(outbound.listeners), 'six again')).toBe('six again');
    const list = await succeedsWithJson(z.array(session), 's2uc', ['list', ...at(consumer)]);
    expect(list.map(({ targets }) => targets)).toEqual([[listener]]);
  });
});
