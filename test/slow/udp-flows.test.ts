import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { forward, variants } from '../support/engine.js';
import { UdpPeer } from '../support/udp.js';

const mostFlows = 4096;
const over = 10;

describe.each(variants)('$name', (variant) => {
  it('has 4096 flows at a time and drops the datagrams of others', async () => {
    const application = await UdpPeer.open();
    const { address, forwarder } = await forward(variant, { targets: [application.address], transport: 'udp' });
    const clients: UdpPeer[] = [];
    for (let index = 0; index < mostFlows + over; index++) {
      const client = await UdpPeer.open();
      clients.push(client);
      client.send(address, 'x');
      // Not all at once, which would be more than a socket's buffer holds.
      if (index % 64 === 0) await until('it being counted', 5_000, () => seen(forwarder.counters()) === index + 1);
    }
    await until('all being counted', 5_000, () => seen(forwarder.counters()) === mostFlows + over);
    expect(forwarder.counters()).toMatchObject({ openConnections: mostFlows, droppedDatagrams: over });
    for (const client of clients) client[Symbol.dispose]();
  });
});

function seen({ openConnections = 0, droppedDatagrams = 0 }): number {
  return openConnections + droppedDatagrams;
}
