import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../../../src/core/until.js';
import { nginx } from '../../../src/data/engines/proxy/nginx/kind.js';
import { TestProxy } from '../../support/proxy.js';
import { ask, forwardsPlainTcp } from '../../support/proxy-behavior.js';
import { requirePrograms } from '../../support/requires.js';
import { connect, echo, hashAll, saying } from '../../support/tcp.js';
import { UdpPeer } from '../../support/udp.js';
import { Payload } from '../../support/payload.js';

const there = requirePrograms({
  name: 'nginx',
  check: ['nginx', '-v'],
  hint: 'apt-get install nginx-core libnginx-mod-stream',
});

describe.runIf(there)('nginx', () => {
  forwardsPlainTcp(nginx);

  it('carries datagrams both ways, and sends new flows to the new target', async () => {
    const [red, blue] = [await UdpPeer.echo('red '), await UdpPeer.echo('blue ')];
    const proxy = await TestProxy.start(nginx, { targets: [red.address], transport: 'udp' });
    const one = await UdpPeer.open();
    for (const text of ['1', '2', '3']) one.send(proxy.address, text);
    await until('all answers', 5_000, () => one.received.length === 3);
    expect(one.texts).toEqual(['red 1', 'red 2', 'red 3']);
    expect(await proxy.control.counters()).toMatchObject({ openConnections: 1, totalConnections: 1 });
    await proxy.update([blue.address]);
    const two = await UdpPeer.open();
    two.send(proxy.address, '4');
    await until('the answer', 5_000, () => two.received.length === 1);
    expect(two.received).toEqual([{ text: 'blue 4', from: proxy.address }]);
  });

  it('carries the largest datagram, and counts a flow when it ends', async () => {
    const target = await UdpPeer.echo();
    const proxy = await TestProxy.start(nginx, { targets: [target.address], transport: 'udp', idleTimeoutMs: 300 });
    const peer = await UdpPeer.open();
    peer.send(proxy.address, 'x'.repeat(65_507));
    await until('the answer', 5_000, () => peer.received.length === 1);
    expect(peer.texts[0]?.length).toBe(65_507);
    await until('its end', 10_000, async () => (await proxy.control.counters()).openConnections === 0);
    expect(await proxy.control.counters()).toMatchObject({ totalConnections: 1, bytesIn: 65_507, bytesOut: 65_507 });
  });

  it('keeps a connection to its rate', async () => {
    const maxRate = 4 << 20;
    const proxy = await TestProxy.start(nginx, { targets: [(await echo()).address], maxRate });
    const payload = new Payload(12);
    const free = await TestProxy.start(nginx, { targets: [(await echo()).address] });
    const timed = async (address: string): Promise<number> => {
      const began = performance.now();
      const socket = await connect(address);
      const [back] = await Promise.all([hashAll(socket), payload.sendTo(socket)]);
      expect(back.hash).toBe(payload.hash);
      return performance.now() - began;
    };
    // A second's worth goes at once.
    expect(await timed(proxy.address)).toBeGreaterThan(2 * (await timed(free.address)));
  });

  it('a new rate holds for new connections', async () => {
    const proxy = await TestProxy.start(nginx, { targets: [(await saying('hello')).address] });
    proxy.settings = { ...proxy.settings, maxRate: 1000 };
    await proxy.configure();
    await proxy.control.apply(proxy.settings);
    expect(await proxy.configuration()).toMatch(/proxy_upload_rate 1000;/);
    expect(await ask(proxy.address)).toBe('hello');
  });

  it('leaves one status socket, and nothing outside its folder, whatever it was told', async () => {
    const target = await saying('hello');
    const proxy = await TestProxy.start(nginx, { targets: [target.address] });
    await proxy.update([`${target.address},${target.address}`]);
    await proxy.update([target.address]);
    // The same again is no change.
    await proxy.update([target.address]);
    const names = await readdir(proxy.folder);
    expect(names.filter((name) => name.endsWith('.sock'))).toHaveLength(1);
    expect(names).toContain('nginx.pid');
  });

  it('says so when nginx does not follow', async () => {
    const proxy = await TestProxy.start(nginx, { targets: [(await saying('hello')).address] });
    await proxy.crash();
    await expect(proxy.update([(await saying('other')).address])).rejects.toMatchObject({ code: 'SERVER_ERR' });
  });

  it('R5: stays in the foreground, and is gone with its workers when it was told to end', async () => {
    const proxy = await TestProxy.start(nginx, { targets: [(await echo()).address] });
    expect(await proxy.configuration()).toMatch(/^daemon off;$/m);
    await proxy.running[Symbol.asyncDispose]();
    await expect(connect(proxy.address)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
