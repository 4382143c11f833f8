import type net from 'node:net';
import { describe, it } from 'vitest';
import { until } from '../../../src/core/until.js';
import {
  forward,
  psk,
  startEngine,
  twoGateways,
  variants,
  type ForwardOptions,
  type Opened,
  type Variant,
} from '../../support/engine.js';
import { descriptors } from '../../support/resources.js';
import { connect, echo } from '../../support/tcp.js';

const busy = 200;
const circulating = Buffer.alloc(16 * 1024, 'x');

describe.each(variants)('$name', (variant) => {
  it.each(['plain', 'encrypted'])('stops soon while %s connections are busy, and leaves nothing', async (kind) => {
    const application = await echo();
    const before = await descriptors();
    const engine = await startEngine(variant);
    const options = { targets: [application.address], engine };
    const opened = kind === 'plain' ? [await forward(variant, options)] : await encrypted(variant, options);
    const entrance = opened.at(-1);
    if (!entrance) throw new Error('nothing was opened');
    const sockets = await Promise.all(Array.from({ length: busy }, () => connect(entrance.address)));
    for (const socket of sockets) circulate(socket);
    await until('all of them being busy', 15_000, () => {
      const connections = entrance.forwarder.connections();
      return connections.length === busy && connections.every(({ bytesOut }) => bytesOut > 0);
    });
    let stopped = false;
    const stopping = (async () => {
      await Promise.all(opened.map(({ forwarder }) => forwarder[Symbol.asyncDispose]()));
      await engine[Symbol.asyncDispose]();
      stopped = true;
    })();
    await until('the engine having stopped', 5_000, () => stopped);
    await stopping;
    for (const socket of [...sockets, ...application.accepted]) socket.destroy();
    await until('the descriptors being as before', 5_000, async () => (await descriptors()) <= before);
  });
});

/** Sends bytes that the other side sends back, again and again. */
function circulate(socket: net.Socket): void {
  socket.pipe(socket).write(circulating);
}

/** Two gateways of one engine, the entrance last. */
async function encrypted(variant: Variant, options: ForwardOptions): Promise<readonly Opened[]> {
  const { producer, consumer } = await twoGateways(variant, { ...options, protection: psk() });
  return [producer, consumer];
}
