import { describe, expect, it } from 'vitest';
import { twoFacilities } from '../support/facility.js';
import { start } from '../support/program.js';
import { accepts, echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { between, stream } from './commands.js';

describe('s2uc stream --hold', () => {
  it('stays until SIGINT or SIGTERM, then releases both ends', async () => {
    const [producer, consumer] = await twoFacilities();
    const target = (await echo()).address;
    const args = ['stream', ...between(producer, consumer), '--targets', target, '--hold', '--json'];
    await Promise.all(
      (['SIGINT', 'SIGTERM'] as const).map(async (signal) => {
        const holding = start('s2uc', args);
        const [line] = await holding.shows(/^\{.*\}$/m);
        await holding.shows(/Ctrl-C releases the stream/, 'stderr');
        const opened = stream.parse(JSON.parse(line));
        expect(await exchange(first(opened.connect), signal)).toBe(signal);
        expect(holding.running).toBe(true);
        const { code, stdout, stderr } = await holding.kill(signal);
        expect(code, stderr).toBe(0);
        expect(stdout).toBe(`${line}\n`);
        expect(await accepts(first(opened.connect))).toBe(false);
        expect(await accepts(first(opened.inbound.listeners))).toBe(false);
      }),
    );
    await producer.holdsNothing();
    await consumer.holdsNothing();
  });
});
