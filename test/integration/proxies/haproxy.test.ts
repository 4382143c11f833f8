import { rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import { parseEndpoint } from '../../../src/core/endpoint.js';
import { until } from '../../../src/core/until.js';
import { haproxy } from '../../../src/data/engines/proxy/haproxy/kind.js';
import { connectionsOf, countersOf, TestProxy } from '../../support/proxy.js';
import { ask, forwardsPlainTcp } from '../../support/proxy-behavior.js';
import { requirePrograms } from '../../support/requires.js';
import { connect, echo, saying, serve } from '../../support/tcp.js';
import { freePort } from '../../support/engine.js';

const there = requirePrograms({ name: 'haproxy', check: ['haproxy', '-v'], hint: 'apt-get install haproxy' });

describe.runIf(there)('haproxy', () => {
  forwardsPlainTcp(haproxy);

  it('tells each open connection with its bytes, and its counters follow while it is open', async () => {
    const target = await echo();
    const proxy = await TestProxy.start(haproxy, { targets: [target.address] });
    await countersOf(proxy.control);
    const socket = await connect(proxy.address);
    socket.resume();
    socket.write(Buffer.alloc(100_000));
    const { control } = proxy;
    await until('the bytes being counted', 2_000, async () => (await countersOf(control)).bytesOut === 100_000);
    const client = { host: '127.0.0.1', port: socket.localPort };
    const listener = parseEndpoint(proxy.address);
    const bytes = { bytesIn: 100_000, bytesOut: 100_000 };
    expect(await connectionsOf(control)).toEqual([
      { listener, client, target: parseEndpoint(target.address), ...bytes },
    ]);
    socket.write(Buffer.alloc(50_000));
    await until('more being counted', 2_000, async () => (await countersOf(control)).bytesOut === 150_000);
    socket.end();
    await until('its end being counted', 5_000, async () => (await countersOf(control)).openConnections === 0);
    expect(await countersOf(control)).toMatchObject({ bytesIn: 150_000, bytesOut: 150_000 });
  });

  it('comes to as many targets as there may be, without a reload', async () => {
    const proxy = await TestProxy.start(haproxy, { targets: [(await echo()).address] });
    const target = await saying('one of many');
    await proxy.update([Array.from({ length: 256 }, () => target.address).join(',')]);
    expect(await ask(proxy.address)).toBe('one of many');
    const other = await saying('the only one');
    await proxy.update([other.address]);
    for (let index = 0; index < 5; index++) expect(await ask(proxy.address)).toBe('the only one');
    expect((await proxy.configuration()).match(/^ {2}server /gm)).toHaveLength(1);
  });

  it('comes past many dead targets to the one that lives', async () => {
    const dead = await Promise.all(Array.from({ length: 5 }, freePort));
    const live = await saying('alive');
    const targets = [...dead.map((port) => `127.0.0.1:${port}`), live.address].join(',');
    const proxy = await TestProxy.start(haproxy, { targets: [targets] });
    for (let index = 0; index < 3; index++) expect(await ask(proxy.address)).toBe('alive');
  });

  it('is configured to move data within the kernel, by its settings', async () => {
    const settings = { targets: ['192.0.2.7:5000'], workers: 3, bufferSize: 300_000, idleTimeoutMs: 90_000 };
    const proxy = await TestProxy.place(haproxy, settings);
    await proxy.configure();
    const lines = ['nbthread 3', 'tune.pipesize 300000', 'option splice-request', 'option splice-response'];
    const timers = ['client', 'server', 'tunnel'].map((name) => `timeout ${name} 90000ms`);
    expect(await proxy.directives()).toEqual(expect.arrayContaining([...lines, ...timers]));
    for (const [bufferSize, pipeSize] of [
      [1, 1 << 16],
      [1 << 28, 1 << 20],
    ]) {
      proxy.settings = { ...proxy.settings, bufferSize: bufferSize ?? 0 };
      await proxy.configure();
      expect(await proxy.directives()).toContain(`tune.pipesize ${pipeSize}`);
    }
  });

  it('R5: stays in the foreground, and is gone when it was told to end', async () => {
    const proxy = await TestProxy.start(haproxy, { targets: [(await echo()).address] });
    expect(haproxy.arguments('file', 'folder')).toContain('-db');
    expect(await proxy.configuration()).not.toMatch(/^\s*daemon/m);
    await proxy.running[Symbol.asyncDispose]();
    await expect(connect(proxy.address)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('does not share a port that somebody else listens on', async () => {
    const proxy = await TestProxy.start(haproxy, { targets: [(await echo()).address] });
    const thief = await TestProxy.place(haproxy, { targets: [(await serve(() => undefined)).address] });
    thief.settings = { ...thief.settings, streams: proxy.settings.streams };
    await thief.configure();
    await expect(thief.start()).rejects.toThrow(/exit code 1/);
    expect(thief.output).toContain('Address already in use');
  });

  it('is started anew when it does not answer an agent after a crash', async () => {
    const proxy = await TestProxy.start(haproxy, { targets: [(await echo()).address] });
    await rm(path.join(proxy.folder, 'admin.sock'));
    // Its patience ends after a tenth of the time.
    const hurried = { ...systemClock, after: (ms: number, action: () => void) => systemClock.after(ms / 10, action) };
    await proxy.successor([(await saying('anew')).address], hurried);
    expect(await ask(proxy.address)).toBe('anew');
    expect(proxy.output).toContain('its connections are lost');
  });
});
