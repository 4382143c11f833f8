import { readdir } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { parseEndpoint } from '../../../src/core/endpoint.js';
import type { Counters } from '../../../src/data/engines/engine.js';
import { until } from '../../../src/core/until.js';
import { nginx } from '../../../src/data/engines/proxy/nginx/kind.js';
import { connectionsOf, countersOf, TestProxy } from '../../support/proxy.js';
import { ask, forwardsPlainTcp } from '../../support/proxy-behavior.js';
import { requirePrograms } from '../../support/requires.js';
import { connect, echo, exchange, hashAll, readAll, saying, serve } from '../../support/tcp.js';
import { UdpPeer } from '../../support/udp.js';
import { Payload } from '../../support/payload.js';
import { watchedSs, withoutSs } from '../../support/watched-ss.js';

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
    await proxy.update([blue.address]);
    const two = await UdpPeer.open();
    two.send(proxy.address, '4');
    await until('the answer', 5_000, () => two.received.length === 1);
    expect(two.received).toEqual([{ text: 'blue 4', from: proxy.address }]);
  });

  it('moves an open flow to the new target, and ends and counts what it was before', async () => {
    const [red, blue] = [await UdpPeer.echo('red '), await UdpPeer.echo('blue ')];
    const proxy = await TestProxy.start(nginx, { targets: [red.address], transport: 'udp' });
    const peer = await UdpPeer.open();
    peer.send(proxy.address, '1');
    await until('the answer', 5_000, () => peer.received.length === 1);
    await proxy.update([blue.address]);
    peer.send(proxy.address, '2');
    await until('the next answer', 5_000, () => peer.received.length === 2);
    expect(peer.texts).toEqual(['red 1', 'blue 2']);
    expect(await countersOf(proxy.control)).toMatchObject({ totalConnections: 2 });
    await until('the end of the former', 5_000, async () => (await countersOf(proxy.control)).openConnections === 1);
  });

  it('carries the largest datagram, and knows the bytes when no flow is open', async () => {
    const target = await UdpPeer.echo();
    const proxy = await TestProxy.start(nginx, { targets: [target.address], transport: 'udp', idleTimeoutMs: 1_000 });
    expect(await countersOf(proxy.control)).toMatchObject({ openConnections: 0, bytesIn: 0, bytesOut: 0 });
    const peer = await UdpPeer.open();
    peer.send(proxy.address, 'x'.repeat(65_507));
    await until('the answer', 5_000, () => peer.received.length === 1);
    expect(peer.texts[0]?.length).toBe(65_507);
    expect(await countersOf(proxy.control)).toEqual({ openConnections: 1, totalConnections: 1, refusedConnections: 0 });
    await until('its end', 10_000, async () => (await countersOf(proxy.control)).openConnections === 0);
    expect(await countersOf(proxy.control)).toMatchObject({ totalConnections: 1, bytesIn: 65_507, bytesOut: 65_507 });
  });

  it('tells each open connection with its bytes, and counts them once', async () => {
    const target = await serve((socket) => socket.resume().write(Buffer.alloc(70_000)));
    const { control, address } = await TestProxy.start(nginx, { targets: [target.address] });
    const socket = await connect(address);
    socket.resume().write(Buffer.alloc(100_000));
    const bytes = { bytesIn: 100_000, bytesOut: 70_000 };
    const sees = (wanted: Counters): Promise<unknown> =>
      until(`counters ${JSON.stringify(wanted)}`, 5_000, async () => {
        const counters = await countersOf(control);
        return isDeepStrictEqual({ ...counters, ...wanted }, counters);
      });
    await sees({ ...bytes, openConnections: 1, totalConnections: 1 });
    const [told, ...others] = await connectionsOf(control);
    const client = { host: '127.0.0.1', port: socket.localPort };
    expect(told).toMatchObject({ ...bytes, listener: parseEndpoint(address), client });
    expect(told?.rttUs).toBeGreaterThan(0);
    expect(told?.retransmits).toBeGreaterThanOrEqual(0);
    expect([others, told?.target]).toEqual([[], undefined]);
    target.accepted[0]?.end();
    socket.end();
    await sees({ openConnections: 0 });
    expect(await countersOf(control)).toMatchObject({ ...bytes, openConnections: 0, totalConnections: 1 });
    expect(await connectionsOf(control)).toEqual([]);
  });

  it('leaves out the bytes while it has open connections of which nobody tells them, as without ss', async () => {
    const { control, address } = await TestProxy.start(nginx, { targets: [(await echo()).address] });
    await withoutSs();
    expect(await exchange(address, '1234')).toBe('1234');
    await until('its end', 5_000, async () => (await countersOf(control)).openConnections === 0);
    expect(await countersOf(control)).toMatchObject({ bytesIn: 4, bytesOut: 4 });
    const socket = await connect(address);
    socket.write('5678');
    await until('the echo', 5_000, () => socket.readableLength === 4);
    const counters = { openConnections: 1, totalConnections: 2, refusedConnections: 0 };
    expect(await control.snapshot()).toEqual({ counters, connections: [] });
    socket.resume().end();
    await until('its end', 5_000, async () => (await countersOf(control)).openConnections === 0);
    expect(await countersOf(control)).toMatchObject({ bytesIn: 8, bytesOut: 8 });
  });

  it('asks the system once for counters and connections, and tells it no setting of ours', async () => {
    vi.stubEnv('SCISTREAM_S2DS_JANUS_PASSWORD', 'open sesame');
    const runs = await watchedSs();
    const { control, address } = await TestProxy.start(nginx, { targets: [(await echo()).address] });
    const socket = await connect(address);
    socket.write('1234');
    await until('the echo', 5_000, () => socket.readableLength === 4);
    const { counters, connections } = await control.snapshot();
    expect(counters).toMatchObject({ bytesIn: 4, bytesOut: 4 });
    expect(connections).toMatchObject([{ bytesIn: 4, bytesOut: 4 }]);
    const told = await runs();
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('PATH=');
    expect(told[0]).not.toContain('SCISTREAM_');
  });

  it('R17 counts the bytes of an IPv4 client of a listener at every address once', async () => {
    const { control, address } = await TestProxy.start(nginx, { targets: [(await echo()).address], listenerIp: '::' });
    const socket = await connect(`127.0.0.1:${parseEndpoint(address).port}`);
    const counts = async (bytes: number): Promise<unknown> =>
      until(`${bytes} bytes being counted`, 5_000, async () => (await countersOf(control)).bytesOut === bytes);
    for (let round = 1; round <= 3; round++) {
      socket.write('1234');
      await counts(4 * round);
    }
    expect(await connectionsOf(control)).toMatchObject([{ client: { host: '127.0.0.1', port: socket.localPort } }]);
    socket.end('5678');
    await readAll(socket);
    await until('its end', 5_000, async () => (await countersOf(control)).openConnections === 0);
    await counts(16);
  });

  it('never counts back nor twice while connections come and go', async () => {
    const { control, address } = await TestProxy.start(nginx, { targets: [(await echo()).address] });
    let sent = 0;
    let done = false;
    const clients = async (): Promise<void> => {
      for (let round = 0; round < 100; round++) {
        sent += 8;
        expect(await exchange(address, '12345678')).toBe('12345678');
      }
    };
    const watch = async (): Promise<void> => {
      for (let last = 0; !done;) {
        const { bytesIn = 0 } = await countersOf(control);
        expect(bytesIn).toBeGreaterThanOrEqual(last);
        expect(bytesIn).toBeLessThanOrEqual(sent);
        last = bytesIn;
      }
    };
    const watching = watch();
    await Promise.all([clients(), clients(), clients()]).finally(() => (done = true));
    await watching;
    await until('the last end', 5_000, async () => (await countersOf(control)).openConnections === 0);
    expect(await countersOf(control)).toMatchObject({ bytesIn: 2_400, bytesOut: 2_400, totalConnections: 300 });
  });

  it('is configured by its settings', async () => {
    const settings = { workers: 3, bufferSize: 100_000, idleTimeoutMs: 90_000, maxRate: 5_000_000 };
    const proxy = await TestProxy.place(nginx, { targets: ['192.0.2.7:5000'], ...settings });
    await proxy.configure();
    const lines = ['worker_processes 3', 'proxy_buffer_size 100000', 'proxy_timeout 90000ms'];
    const rates = ['proxy_upload_rate 5000000', 'proxy_download_rate 5000000'];
    const kept = ['proxy_half_close on', 'proxy_socket_keepalive on', 'tcp_nodelay on'];
    const all = [...lines, ...rates, ...kept].map((line) => `${line};`);
    expect(await proxy.directives()).toEqual(expect.arrayContaining(all));
    proxy.settings = { ...proxy.settings, maxRate: 0 };
    await proxy.configure();
    const unlimited = ['proxy_upload_rate 0;', 'proxy_download_rate 0;'];
    expect(await proxy.directives()).toEqual(expect.arrayContaining(unlimited));
  });

  it.each(['upload', 'download'])('keeps the %s of a connection to its rate', async (direction) => {
    const payload = new Payload(3);
    const whole = { hash: payload.hash, bytes: payload.bytes };
    const received: Promise<unknown>[] = [];
    const target = await serve((socket) => {
      if (direction === 'download') void payload.sendTo(socket);
      else received.push(hashAll(socket));
    });
    const timed = async (maxRate: number): Promise<number> => {
      const { address } = await TestProxy.start(nginx, { targets: [target.address], maxRate });
      const began = performance.now();
      const socket = await connect(address);
      if (direction === 'download') received.push(hashAll(socket));
      else await payload.sendTo(socket);
      await until('the transfer', 20_000, () => received.length === 1);
      expect(await received.pop()).toEqual(whole);
      return performance.now() - began;
    };
    // A second's worth goes at once.
    expect(await timed(1 << 20)).toBeGreaterThan(2 * (await timed(0)));
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
