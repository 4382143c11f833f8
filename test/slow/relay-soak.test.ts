import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { forward, psk, twoGateways, variants } from '../support/engine.js';
import { descriptors } from '../support/resources.js';
import { soak } from '../support/soak.js';
import { echo } from '../support/tcp.js';

const MiB = 1 << 20;

describe.each(variants)('$name', (variant) => {
  it(
    'serves 200 connections a second for 5 s, plain and encrypted ones, and leaves nothing behind',
    { timeout: 120_000 },
    async () => {
      const application = await echo();
      const options = { targets: [application.address] };
      const plain = await forward(variant, options);
      const secured = await twoGateways(variant, { ...options, protection: psk() });
      await Promise.all([soak(plain.address, 20, 1), soak(secured.address, 20, 1)]);
      const before = { descriptors: await descriptors(), rss: process.memoryUsage.rss() };
      const results = await Promise.all([soak(plain.address, 100, 5), soak(secured.address, 100, 5)]);
      for (const result of results) expect(result).toEqual({ connections: 500, problems: {} });
      for (const { forwarder } of [plain, secured.producer, secured.consumer]) {
        await until('all being over', 5_000, () => forwarder.counters().openConnections === 0);
        expect(forwarder.counters()).toMatchObject({
          totalConnections: 520,
          refusedConnections: 0,
          failedHandshakes: 0,
        });
      }
      await until('the descriptors being as before', 5_000, async () => (await descriptors()) <= before.descriptors);
      // Some 100 MB went through; what a leak of every connection's buffers would hold.
      expect(process.memoryUsage.rss() - before.rss).toBeLessThan(150 * MiB);
    },
  );
});
