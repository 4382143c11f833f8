import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../../src/core/until.js';
import type { EngineSettings } from '../../../src/data/engines/engine.js';
import { fast, forward, loggerTo, psk, twoGateways, type ForwardOptions } from '../../support/engine.js';
import { Payload } from '../../support/payload.js';
import { connect, echo, exchange, hashAll, readAll, serve } from '../../support/tcp.js';
import { UdpPeer } from '../../support/udp.js';
import { first } from '../../support/v1.js';

/** What IPv4 allows. */
const largestDatagram = 65_507;

const ways = {
  'in plain TCP': async (options: ForwardOptions) => (await forward(fast, options)).address,
  'through two gateways with a key': async (options: ForwardOptions) =>
    (await twoGateways(fast, { ...options, protection: psk() })).address,
};

describe('native calls write where they may', () => {
  describe.each(Object.entries(ways))('%s', (_way, open) => {
    it('with 64 MB both ways at once', async () => {
      const payload = new Payload(64);
      const received: Promise<{ hash: string; bytes: number }>[] = [];
      const application = await serve((socket) => {
        received.push(hashAll(socket));
        void payload.sendTo(socket);
      });
      const socket = await connect(await open({ targets: [application.address], settings: checked() }));
      const [back] = await Promise.all([hashAll(socket), payload.sendTo(socket)]);
      expect(back.hash).toBe(payload.hash);
      expect((await first(received)).hash).toBe(payload.hash);
    });

    it('with half-closes of either side', async () => {
      const answering = await serve((socket) => {
        void readAll(socket).then(
          (all) => socket.end(`got ${all.length}`),
          () => undefined,
        );
      });
      const rest: Promise<Buffer>[] = [];
      const ending = await serve((socket) => {
        socket.end('enough');
        rest.push(readAll(socket));
      });
      const settings = checked();
      expect(await exchange(await open({ targets: [answering.address], settings }), 'x'.repeat(100_000))).toBe(
        'got 100000',
      );
      const socket = await connect(await open({ targets: [ending.address], settings }));
      expect((await readAll(socket)).toString()).toBe('enough');
      socket.end('more');
      expect((await first(rest)).toString()).toBe('more');
    });
  });

  it('with datagrams of every size up to the largest, from many senders at once', async () => {
    const application = await UdpPeer.echo();
    const options = { targets: [application.address], transport: 'udp', settings: checked() } as const;
    const { address } = await forward(fast, options);
    const clients = await Promise.all(Array.from({ length: 8 }, () => UdpPeer.open()));
    for (const size of [0, 1, 1472, 65_506, largestDatagram]) {
      const text = 'x'.repeat(size);
      for (const client of clients) {
        client.received.length = 0;
        client.send(address, text);
        await until(`${size} bytes coming back`, 5_000, () => client.texts.includes(text));
      }
    }
  });

  it('with random bytes and with half a greeting at a listener that asks for a key', async () => {
    const application = await echo();
    const options = { targets: [application.address], protection: psk(), settings: checked() };
    const { address, forwarder } = await forward(fast, options);
    const greetings = Array.from({ length: 40 }, (_, index) =>
      index % 2 === 0 ? randomBytes(1 + 500 * index) : Buffer.concat([helloHeader, randomBytes(512)]),
    );
    for (const bytes of greetings) {
      const socket = await connect(address);
      socket.end(bytes);
      await readAll(socket).catch(() => undefined);
    }
    await until('all being counted', 5_000, () => forwarder.counters().failedHandshakes === greetings.length);
    expect(application.accepted).toEqual([]);
  });
});

/** Of a record with a whole greeting of 512 bytes. */
const helloHeader = Buffer.from('1603010200010001fc0303', 'hex');

/** Every native call is checked; the test fails when one has written out of bounds, or anything else went wrong inside. */
function checked(): Partial<EngineSettings> {
  const lines: string[] = [];
  // Asked after the engine has ended, which tells all it knows before.
  onTestFinished(() => {
    expect(lines.filter((line) => line.includes('defect'))).toEqual([]);
  });
  return { debugMemory: true, logger: loggerTo(lines) };
}
