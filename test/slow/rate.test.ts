import { describe, expect, it } from 'vitest';
import { forward, variants } from '../support/engine.js';
import { areEqual, floodFrom, paceOf, Sink } from '../support/pace.js';

const MB = 1e6;
const seconds = 5;

describe.each(variants)('$name', (variant) => {
  it.each([
    [1 * MB, 1],
    [1 * MB, 4],
    [20 * MB, 1],
    [20 * MB, 4],
    [200 * MB, 1],
    [200 * MB, 4],
  ])('keeps %i bytes per second within 5 %% over 5 s with %i streams, shared fairly', async (maxRate, streams) => {
    const { rate, shares } = await measure(maxRate, streams);
    expect(Math.abs(rate / maxRate - 1), `${rate} bytes per second`).toBeLessThan(0.05);
    expect(areEqual(shares, 0.25), shares.join()).toBe(true);
  });

  it('never exceeds 1 GB/s, whether the machine can do it or not', async () => {
    const { rate } = await measure(1000 * MB, 4);
    expect(rate).toBeLessThan(1050 * MB);
  });

  async function measure(maxRate: number, streams: number) {
    const sink = await Sink.start();
    const { address } = await forward(variant, { targets: [sink.server.address], maxRate });
    await floodFrom(address, streams);
    return paceOf(sink, streams, seconds);
  }
});
