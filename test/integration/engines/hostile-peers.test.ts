import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import { describe, expect, it } from 'vitest';
import { until } from '../../../src/core/until.js';
import { forward, psk, twoGateways, variants, type ForwardOptions, type Variant } from '../../support/engine.js';
import { flood } from '../../support/pace.js';
import { Payload } from '../../support/payload.js';
import { descriptors } from '../../support/resources.js';
import { connect, echo, hashAll } from '../../support/tcp.js';

const MiB = 1 << 20;
const payload = new Payload(32);
const noise = randomBytes(64 * 1024);

/** Where strangers reach a forwarder, and where a stream enters it. */
interface Doors {
  readonly strangers: string;
  readonly stream: string;
  readonly open: () => number;
}

const ways: Record<string, (variant: Variant, options: ForwardOptions) => Promise<Doors>> = {
  'at a plain port': async (variant, options) => {
    const { address, forwarder } = await forward(variant, options);
    return { strangers: address, stream: address, open: () => forwarder.counters().openConnections ?? 0 };
  },
  'at a port that asks for a key': async (variant, options) => {
    const { producer, address } = await twoGateways(variant, { ...options, protection: psk() });
    return {
      strangers: producer.address,
      stream: address,
      open: () => producer.forwarder.counters().openConnections ?? 0,
    };
  },
};

/** What a peer can do that means no good, or does badly. */
const behaviors: readonly ((socket: net.Socket) => void)[] = [
  (socket) => socket.end(noise),
  (socket) => socket.write(noise, () => socket.resetAndDestroy()),
  (socket) => socket.resetAndDestroy(),
  flood,
  (socket) => socket.pause().write(noise.subarray(0, 5)),
];

describe.each(variants)('$name', (variant) => {
  it.each(Object.entries(ways))(
    'carries a stream unchanged while strangers %s send noise, reset and never read, and keeps nothing of them',
    async (_way, open) => {
      const application = await echo();
      const doors = await open(variant, { targets: [application.address] });
      const warm = await connect(doors.stream);
      warm.write('x');
      await once(warm, 'readable');
      const before = { descriptors: await descriptors(), rss: process.memoryUsage.rss() };
      const socket = await connect(doors.stream);
      const answer = hashAll(socket);
      const sending = payload.sendTo(socket);
      for (let round = 0; round < 8; round++) {
        const strangers = await Promise.all(behaviors.flatMap((act) => [visit(doors, act), visit(doors, act)]));
        for (const stranger of strangers) stranger.destroy();
      }
      await sending;
      expect(await answer).toEqual({ hash: payload.hash, bytes: payload.bytes });
      socket.destroy();
      await until('all but one having gone', 10_000, () => doors.open() === 1);
      await until('the descriptors being as before', 5_000, async () => (await descriptors()) <= before.descriptors);
      expect(process.memoryUsage.rss() - before.rss).toBeLessThan(200 * MiB);
    },
  );
});

async function visit({ strangers }: Doors, act: (socket: net.Socket) => void): Promise<net.Socket> {
  const socket = await connect(strangers);
  act(socket);
  return socket;
}
