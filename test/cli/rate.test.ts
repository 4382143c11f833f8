import { describe, expect, it } from 'vitest';
import { Facility, plainFacilities, twoFacilities } from '../support/facility.js';
import { at, between, session, stream, succeeds, succeedsWithJson } from './commands.js';

const target = '127.0.0.1:7000';

async function ratesAt(facility: Facility): Promise<bigint[]> {
  return (await facility.agent().list({})).reservations.map(({ maxRate }) => maxRate);
}

describe('--rate', () => {
  it('R23 reaches the data servers at both ends of a stream', async () => {
    const [producer, consumer] = await twoFacilities();
    const args = ['stream', ...between(producer, consumer), '--targets', target];
    await succeedsWithJson(stream, 's2uc', [...args, '--rate', '20MB/s']);
    await succeedsWithJson(stream, 's2uc', args);
    for (const facility of [producer, consumer]) expect(await ratesAt(facility)).toEqual([20_000_000n, 0n]);
  });

  it('R23 reaches the data server of one end, and is shown', async () => {
    const [producer, consumer] = await plainFacilities();
    await succeeds('s2uc', ['inbound-request', '--uid', 'in', ...at(producer), '--rate', '2.5Gbps']);
    await succeeds('s2uc', ['outbound-request', 'out', target, ...at(consumer), '--rate', '10000']);
    expect([await ratesAt(producer), await ratesAt(consumer)]).toEqual([[312_500_000n], [10_000_000n]]);
    expect((await succeeds('s2uc', ['list', ...at(consumer)])).stdout).toMatch(/^out +CONS .* none +10\.0 MB\/s +0 B/m);
    expect((await succeeds('s2uc', ['show', 'in', ...at(producer)])).stdout).toMatch(/^rate +312\.5 MB\/s$/m);
  });

  it("R23 a Python client's is a limit only with --enforce-v1-rate, and s2uc sends none unasked", async () => {
    const facility = await Facility.start(['--enforce-v1-rate']);
    const request = facility.v1().v1.req({ uid: 'python', role: 'PROD', numConn: 1, rate: 10_000 });
    await facility.v1().v1.hello({ uid: 'python', role: 'PROD', prodListeners: [target] });
    await request;
    expect(await ratesAt(facility)).toEqual([10_000_000n]);
    await succeeds('s2uc', ['inbound-request', ...at(facility)]);
    expect(await ratesAt(facility)).toEqual([10_000_000n, 0n]);
  });

  it('R23 changes while the stream flows, alone or with targets', async () => {
    const facility = await Facility.start();
    await facility.client().createSession({ uid: 'live', role: 'PROD', targets: [target] });
    const update = ['update', 'live', ...at(facility)];
    const slower = await succeeds('s2uc', [...update, '--rate', '5MB/s']);
    expect(slower.stdout).toBe(`Session live forwards to ${target}, at most 5.0 MB/s.\n`);
    expect(await ratesAt(facility)).toEqual([5_000_000n]);
    const both = await succeedsWithJson(session, 's2uc', [...update, '--rate', '0', '--targets', '127.0.0.1:7001']);
    expect(both.targets).toEqual(['127.0.0.1:7001']);
    expect(await ratesAt(facility)).toEqual([0n]);
  });
});
