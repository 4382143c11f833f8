import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { forward, psk, twoGateways, variants } from '../support/engine.js';
import { connect, echo, exchange, readAll, serve } from '../support/tcp.js';

const key = randomBytes(32);

describe.each(variants)('$name', (variant) => {
  it('sends a client away that says nothing for ten seconds', async () => {
    const application = await echo();
    const { address, forwarder } = await forward(variant, { targets: [application.address], protection: psk(key) });
    const socket = await connect(address);
    await readAll(socket).catch(() => undefined);
    expect(forwarder.counters()).toMatchObject({ failedHandshakes: 1, openConnections: 0 });
  });

  it('takes the next target when one accepts and says nothing for ten seconds', async () => {
    const application = await echo();
    const silent = await serve((socket) => socket.resume());
    const { producer } = await twoGateways(variant, { targets: [application.address], protection: psk(key) });
    const targets = [`${silent.address},${producer.address}`];
    const { address, forwarder } = await forward(variant, { targets, role: 'CONS', protection: psk(key) });
    expect(await exchange(address, 'hello')).toBe('hello');
    await until('the failure being counted', 5_000, () => forwarder.counters().failedHandshakes === 1);
    expect(forwarder.counters().refusedConnections).toBe(0);
  });
});
