import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { forward, psk, twoGateways, variants } from '../support/engine.js';
import { descriptors } from '../support/resources.js';
import { soak } from '../support/soak.js';
import { echo } from '../support/tcp.js';

const MiB = 1 << 20;
const minutes = 1;

describe.each(variants)('$name', (variant) => {
  it('serves 200 connections a second for a minute without growing', async () => {
    const application = await echo();
    const options = { targets: [application.address] };
    const plain = await forward(variant, options);
    const secured = await twoGateways(variant, { ...options, protection: psk() });
    const round = async (seconds: number): Promise<void> => {
      const results = await Promise.all([soak(plain.address, 100, seconds), soak(secured.address, 100, seconds)]);
      for (const { problems } of results) expect(problems).toEqual({});
    };
    // Allocators and the collector find their level first.
    await round(10);
    const before = { descriptors: await descriptors(), rss: process.memoryUsage.rss() };
    await round(minutes * 60);
    await until('the descriptors being as before', 5_000, async () => (await descriptors()) <= before.descriptors);
    // 12 000 connections: 64 MiB would be less than 6 KiB of each.
    expect(process.memoryUsage.rss() - before.rss).toBeLessThan(64 * MiB);
  });
});
