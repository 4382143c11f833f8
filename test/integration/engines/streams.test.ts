import { describe, expect, it } from 'vitest';
import { until } from '../../../src/core/until.js';
import { forward, psk, twoGateways, variants, type ForwardOptions, type Variant } from '../../support/engine.js';
import { flood } from '../../support/pace.js';
import { Payload } from '../../support/payload.js';
import { connect, exchange, hashAll, readAll, serve } from '../../support/tcp.js';
import { first } from '../../support/v1.js';

/** What went wrong shows at the other end. */
const ignore = (): undefined => undefined;
const MiB = 1 << 20;
const payload = new Payload(64);

interface Way {
  readonly way: string;
  /** Where to connect to reach the targets. */
  readonly open: (variant: Variant, options: ForwardOptions) => Promise<string>;
}

const ways: readonly Way[] = [
  { way: 'through one gateway', open: async (variant, options) => (await forward(variant, options)).address },
  {
    way: 'through two gateways with a key',
    open: async (variant, options) => (await twoGateways(variant, { ...options, protection: psk() })).address,
  },
];

describe.each(variants)('$name', (variant) => {
  describe.each(ways)('$way', ({ open }) => {
    it('carries 64 MB both ways at once unchanged', async () => {
      const received: Promise<{ hash: string; bytes: number }>[] = [];
      const application = await serve((socket) => {
        received.push(hashAll(socket));
        void payload.sendTo(socket);
      });
      const socket = await connect(await open(variant, { targets: [application.address] }));
      const [back] = await Promise.all([hashAll(socket), payload.sendTo(socket)]);
      expect(back).toEqual({ hash: payload.hash, bytes: payload.bytes });
      expect(await received[0]).toEqual({ hash: payload.hash, bytes: payload.bytes });
    });

    it('passes a half-close on: the client ends first and still gets its answer', async () => {
      const application = await serve((socket) => {
        void readAll(socket).then((all) => socket.end(`got ${all.toString()}`), ignore);
      });
      const address = await open(variant, { targets: [application.address] });
      expect(await exchange(address, 'the question')).toBe('got the question');
    });

    it('passes a half-close on: the application ends first and still gets the rest', async () => {
      const rest: Promise<Buffer>[] = [];
      const application = await serve((socket) => {
        socket.end('that is all from me');
        rest.push(readAll(socket));
      });
      const socket = await connect(await open(variant, { targets: [application.address] }));
      expect((await readAll(socket)).toString()).toBe('that is all from me');
      socket.end('but not from me');
      expect((await rest[0])?.toString()).toBe('but not from me');
    });

    it('passes the end of a client that says nothing on', async () => {
      const application = await serve((socket) => {
        void readAll(socket).then((all) => socket.end(`${all.length} bytes`), ignore);
      });
      const address = await open(variant, { targets: [application.address] });
      expect(await exchange(address, '')).toBe('0 bytes');
    });

    it('lets the client see it when the application breaks the connection', async () => {
      const application = await serve((socket) => {
        socket.write('half of it');
        // A reset that overtakes data looks like an end to libuv, so it comes when the data has arrived.
        socket.once('data', () => socket.resetAndDestroy());
      });
      const socket = await connect(await open(variant, { targets: [application.address] }));
      socket.once('readable', () => socket.write('got it'));
      await expect(readAll(socket)).rejects.toMatchObject({ code: 'ECONNRESET' });
    });

    it('lets the application see it when the client breaks the connection', async () => {
      const broken: Promise<unknown>[] = [];
      const application = await serve((socket) => {
        broken.push(readAll(socket).catch((error: unknown) => error));
        socket.write('ready');
      });
      const socket = await connect(await open(variant, { targets: [application.address] }));
      await new Promise((resolve) => socket.once('readable', resolve));
      socket.resetAndDestroy();
      expect(await first(broken)).toMatchObject({ code: 'ECONNRESET' });
    });

    it('holds the sender back when the receiver does not read, and takes little memory', async () => {
      const application = await serve((socket) => socket.pause());
      const socket = await connect(await open(variant, { targets: [application.address] }));
      const before = process.memoryUsage.rss();
      flood(socket);
      // Each of the sockets on the way may hold some ten megabytes; a relay that buffers by itself never has enough.
      await standsStill(() => socket.bytesWritten - socket.writableLength, 256 * MiB);
      // What sockets hold is the system's memory, not that of this process.
      expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MiB);
    });
  });
});

/** Waits until the number has not changed for ten looks, which are up to 100 ms apart; it must not pass `limit`. */
async function standsStill(read: () => number, limit: number): Promise<void> {
  let seen = -1;
  let looks = 0;
  await until('the sender standing still', 15_000, () => {
    const now = read();
    expect(now).toBeLessThan(limit);
    looks = now === seen && now > 0 ? looks + 1 : 0;
    seen = now;
    return looks === 10;
  });
}
