import { describe, expect, it } from 'vitest';
import { forward, variants } from '../support/engine.js';
import { areEqual, floodFrom, paceOf, Sink } from '../support/pace.js';

const MB = 1e6;
const seconds = 5;

describe.each(variants)('$name', (variant) => {
  it.each([
    { megabytes: 1, streams: 1 },
    { megabytes: 1, streams: 4 },
    { megabytes: 20, streams: 1 },
    { megabytes: 20, streams: 4 },
    { megabytes: 200, streams: 1 },
    { megabytes: 200, streams: 4 },
  ])('keeps $streams streams at $megabytes MB/s, a twentieth more or less, and shares fairly', async (wanted) => {
    const { megabytes, streams } = wanted;
    const maxRate = megabytes * MB;
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
