import { describe, expect, it } from 'vitest';
import { formatEndpoint } from '../../../src/core/endpoint.js';
import { until } from '../../../src/core/until.js';
import { createForwarder, forward, freePort, startEngine, targetsOf, variants } from '../../support/engine.js';
import { descriptors } from '../../support/resources.js';
import { UdpPeer } from '../../support/udp.js';
import { first } from '../../support/v1.js';

const transport = 'udp';

describe.each(variants)('$name', (variant) => {
  it('forwards datagrams both ways and counts them as a flow', async () => {
    const [application, client] = [await UdpPeer.echo('re: '), await UdpPeer.open()];
    const { address, forwarder } = await forward(variant, { targets: [application.address], transport });
    client.send(address, 'one');
    client.send(address, 'two');
    await answered(client, ['re: one', 're: two']);
    const info = first(forwarder.connections());
    expect(formatEndpoint(info.client)).toBe(client.address);
    expect(info.target && formatEndpoint(info.target)).toBe(application.address);
    expect(info).toMatchObject({ bytesIn: 6, bytesOut: 14 });
    expect(forwarder.counters()).toMatchObject({
      bytesIn: 6,
      bytesOut: 14,
      openConnections: 1,
      totalConnections: 1,
      droppedDatagrams: 0,
    });
  });

  it('keeps datagrams as they are: empty ones, large ones, and their bounds', async () => {
    const [application, client] = [await UdpPeer.echo(), await UdpPeer.open()];
    const { address } = await forward(variant, { targets: [application.address], transport });
    const large = 'x'.repeat(60_000);
    client.send(address, '');
    client.send(address, large);
    await answered(client, ['', large]);
  });

  it('answers every client from its own flow', async () => {
    const [application, ...clients] = [await UdpPeer.echo(), await UdpPeer.open(), await UdpPeer.open()];
    const { address, forwarder } = await forward(variant, { targets: [application.address], transport });
    for (const [index, client] of clients.entries()) client.send(address, `client ${index}`);
    for (const [index, client] of clients.entries()) await answered(client, [`client ${index}`]);
    expect(new Set(application.received.map(({ from }) => from)).size).toBe(2);
    expect(forwarder.counters().openConnections).toBe(2);
  });

  it('spreads flows over the targets in turn; new flows go to new targets, open ones stay', async () => {
    const [red, blue, green] = [await UdpPeer.echo('red '), await UdpPeer.echo('blue '), await UdpPeer.echo('green ')];
    const { address, forwarder } = await forward(variant, { targets: [`${red.address},${blue.address}`], transport });
    const [one, two, three] = [await UdpPeer.open(), await UdpPeer.open(), await UdpPeer.open()];
    one.send(address, '1');
    await answered(one, ['red 1']);
    two.send(address, '2');
    await answered(two, ['blue 2']);
    await forwarder.update(targetsOf([green.address]));
    three.send(address, '3');
    await answered(three, ['green 3']);
    one.send(address, '4');
    await answered(one, ['red 1', 'red 4']);
  });

  it('forgets a flow that is silent, and begins another when its client comes back', async () => {
    const before = await descriptors();
    const [application, client] = [await UdpPeer.echo(), await UdpPeer.open()];
    const settings = { idleTimeoutMs: 200 };
    const { address, forwarder, engine } = await forward(variant, {
      targets: [application.address],
      transport,
      settings,
    });
    client.send(address, 'first');
    await answered(client, ['first']);
    await until('the flow being over', 5_000, () => forwarder.counters().openConnections === 0);
    client.send(address, 'again');
    await answered(client, ['first', 'again']);
    expect(forwarder.counters()).toMatchObject({ openConnections: 1, totalConnections: 2, bytesIn: 10 });
    await forwarder[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
    for (const peer of [application, client]) peer[Symbol.dispose]();
    await until('the descriptors being as before', 5_000, async () => (await descriptors()) <= before);
  });

  it('drops and counts what is over the rate', async () => {
    const [application, client] = [await UdpPeer.open(), await UdpPeer.open()];
    const maxRate = 100_000;
    const { address, forwarder } = await forward(variant, { targets: [application.address], transport, maxRate });
    const began = performance.now();
    let sent = 0;
    await until('two seconds being over', 10_000, () => {
      for (let index = 0; index < 20; index++) client.send(address, Buffer.alloc(1000));
      sent += 20;
      return performance.now() - began > 2_000;
    });
    const { bytesIn = 0 } = forwarder.counters();
    const allowed = (maxRate * (performance.now() - began)) / 1000;
    expect(bytesIn).toBeLessThan(allowed * 1.1 + 0.1 * maxRate);
    expect(bytesIn).toBeGreaterThan(allowed * 0.5);
    await until('every datagram being accounted for', 5_000, () => {
      const { bytesIn: passed = 0, droppedDatagrams = 0 } = forwarder.counters();
      return passed / 1000 + droppedDatagrams === sent;
    });
  });

  it('lets large datagrams through a low rate', async () => {
    const application = await UdpPeer.open();
    const client = await UdpPeer.open();
    const { address } = await forward(variant, { targets: [application.address], transport, maxRate: 5_000_000 });
    const large = 'x'.repeat(60_000);
    await until('a datagram arriving', 5_000, () => {
      client.send(address, large);
      return application.texts.includes(large);
    });
  });

  it('counts datagrams for which nobody is there, and serves once somebody is', async () => {
    const port = await freePort();
    const client = await UdpPeer.open();
    const { address, forwarder } = await forward(variant, { targets: [`127.0.0.1:${port}`], transport });
    await until('a loss being counted', 5_000, () => {
      client.send(address, 'anybody?');
      return (forwarder.counters().droppedDatagrams ?? 0) > 0;
    });
    const application = await UdpPeer.open('127.0.0.1', port);
    await until('a datagram arriving', 5_000, () => {
      client.send(address, 'now?');
      return application.texts.includes('now?');
    });
  });

  it('R17 forwards by IPv6', async () => {
    const [application, client] = [await UdpPeer.echo('', '::1'), await UdpPeer.open('::1')];
    const options = { targets: [application.address], transport, listenerIp: '::1' } as const;
    const { address } = await forward(variant, options);
    client.send(address, 'six');
    await answered(client, ['six']);
  });

  it('reports a port that somebody else has taken', async () => {
    const engine = await startEngine(variant);
    const targets = ['127.0.0.1:7000'];
    const { forwarder, addresses } = await createForwarder(engine, { targets, transport });
    const thief = await UdpPeer.open('127.0.0.1', Number(first(addresses).split(':')[1]));
    await expect(forwarder.update(targetsOf(targets))).rejects.toMatchObject({ code: 'NO_RESOURCE' });
    thief[Symbol.dispose]();
    await forwarder.update(targetsOf(targets));
  });
});

async function answered(peer: UdpPeer, texts: readonly string[]): Promise<void> {
  await until(`${texts.length} answers`, 5_000, () => peer.received.length >= texts.length);
  expect(peer.texts).toEqual(texts);
}
