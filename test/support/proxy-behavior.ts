import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseEndpoint } from '../../src/core/endpoint.js';
import { until } from '../../src/core/until.js';
import type { ProxyKind, ProxySettings } from '../../src/data/engines/proxy/proxy.js';
import { render } from '../../src/data/engines/proxy/template.js';
import { freePort, noKey, psk, pskOnly } from './engine.js';
import { Payload } from './payload.js';
import { Program } from './program.js';
import { countersOf, templateLines, TestProxy, usualSettings } from './proxy.js';
import { accepts, connect, echo, exchange, hashAll, listenAt, readAll, saying, serve } from './tcp.js';

/** What every program that forwards plain TCP must do. */
export function forwardsPlainTcp(kind: ProxyKind): void {
  keepsItsTemplate(kind);

  it('carries both directions whole, with one side ended before the other', async () => {
    const payload = new Payload(16);
    const proxy = await TestProxy.start(kind, { targets: [(await echo()).address] });
    const socket = await connect(proxy.address);
    const [back] = await Promise.all([hashAll(socket), payload.sendTo(socket)]);
    expect(back).toEqual({ hash: payload.hash, bytes: payload.bytes });
    const { control } = proxy;
    const whole = { bytesIn: payload.bytes, bytesOut: payload.bytes, openConnections: 0, totalConnections: 1 };
    await until('the connection being counted', 10_000, async () => (await countersOf(control)).openConnections === 0);
    expect(await countersOf(control)).toEqual({ ...whole, refusedConnections: 0 });
  });

  it('keeps an open connection whole through ten updates, and sends new ones to the new target', async () => {
    const payload = new Payload(16);
    const first = await echo();
    const proxy = await TestProxy.start(kind, { targets: [first.address] });
    const socket = await connect(proxy.address);
    const back = hashAll(socket);
    const others = await Promise.all(Array.from({ length: 10 }, (_, index) => saying(`target ${index}`)));
    socket.write('begin');
    for (const [index, { address }] of others.entries()) {
      // Now more targets, now fewer.
      const extra = index % 2 === 0 ? `,${address}` : '';
      await proxy.update([`${address}${extra}`]);
      for (let each = 0; each < 4; each++) expect(await ask(proxy.address)).toBe(`target ${index}`);
      socket.write(`update ${index}`);
    }
    const words = ['begin', ...others.map((_, index) => `update ${index}`)].join('');
    await payload.sendTo(socket);
    expect((await back).bytes).toBe(words.length + payload.bytes);
    expect(first.accepted).toHaveLength(1);
  });

  it('goes on with a transfer through ten updates, and the hash is the same', async () => {
    const received: Promise<{ hash: string; bytes: number }>[] = [];
    const sink = await serve((socket) => {
      received.push(hashAll(socket).finally(() => socket.end()));
    });
    const proxy = await TestProxy.start(kind, { targets: [sink.address] });
    const socket = await connect(proxy.address);
    const others = [await saying('red'), await saying('blue')];
    const sent = createHash('sha256');
    let bytes = 0;
    let updated = false;
    const updates = async (): Promise<void> => {
      for (let index = 0; index < 10; index++) await proxy.update([others[index % 2]?.address ?? '']);
      updated = true;
    };
    const transfer = async (): Promise<void> => {
      while (!updated) {
        const chunk = randomBytes(1 << 18);
        sent.update(chunk);
        bytes += chunk.length;
        if (!socket.write(chunk)) await once(socket, 'drain');
      }
      socket.end();
    };
    await Promise.all([updates(), transfer()]);
    await readAll(socket);
    expect(await Promise.all(received)).toEqual([{ hash: sent.digest('hex'), bytes }]);
    await until('all being counted', 10_000, async () => (await countersOf(proxy.control)).bytesIn === bytes);
  });

  it('counts and breaks a connection for which no target answers', async () => {
    const proxy = await TestProxy.start(kind, { targets: [`127.0.0.1:${await freePort()}`] });
    const socket = await connect(proxy.address);
    await readAll(socket).catch(() => undefined);
    socket.destroy();
    const { control } = proxy;
    await until('the refusal being counted', 5_000, async () => (await countersOf(control)).refusedConnections === 1);
    await until('its end being counted', 5_000, async () => (await countersOf(control)).openConnections === 0);
    expect(await countersOf(control)).toMatchObject({ totalConnections: 1 });
  });

  it('takes targets in turn, skips one that is not there, and uses it once it is', async () => {
    const late = await freePort();
    const [red, blue] = [await saying('red'), await saying('blue')];
    const proxy = await TestProxy.start(kind, { targets: [`${red.address},${blue.address}`] });
    const said: string[] = [];
    for (let index = 0; index < 4; index++) said.push(await ask(proxy.address));
    expect(said.filter((each) => each === 'red')).toHaveLength(2);
    await proxy.update([`127.0.0.1:${late},${red.address}`]);
    for (let index = 0; index < 4; index++) expect(await ask(proxy.address)).toBe('red');
    await listenAt(late, (socket) => socket.resume().end('late'));
    await until('the late target being used', 10_000, async () => (await ask(proxy.address)) === 'late');
  });

  it('keeps listeners apart, and counts open connections', async () => {
    const targets = [(await echo()).address, (await saying('second')).address];
    const proxy = await TestProxy.start(kind, { targets });
    const [one = '', two = ''] = proxy.addresses;
    const socket = await connect(one);
    socket.write('first');
    await once(socket, 'readable');
    expect(String(socket.read())).toBe('first');
    expect(await ask(two)).toBe('second');
    const open = { openConnections: 1, totalConnections: 2 };
    await until('both being counted', 5_000, async () => (await countersOf(proxy.control)).openConnections === 1);
    expect(await countersOf(proxy.control)).toMatchObject(open);
    // One that takes over sees the same.
    expect(await countersOf(proxy.adopt())).toMatchObject(open);
  });

  it('R17: listens and connects to IPv6 addresses', async () => {
    const target = await echo('::1');
    const proxy = await TestProxy.start(kind, { targets: [target.address], listenerIp: '::1' });
    expect(await exchange(proxy.address, 'over IPv6')).toBe('over IPv6');
    const other = await saying('over IPv4');
    await proxy.update([other.address]);
    expect(await ask(proxy.address)).toBe('over IPv4');
    await proxy.update([target.address.replace('[::1]', '[0:0::1]')]);
    expect(await exchange(proxy.address, 'and back')).toBe('and back');
  });

  it('R17: refuses a link-local address with its interface, which the program cannot use', () => {
    const listener = parseEndpoint('127.0.0.1:5100');
    const target = { host: 'fe80::1%eth0', port: 5000 };
    const settings = { ...usualSettings, folder: '/run/s', streams: [{ listener, targets: [target] as const }] };
    expect(() => kind.values(settings)).toThrow(/\[fe80::1%eth0\]:5000/);
  });

  it('R18: keeps an idle connection for as long as its timers can, unless a limit is set', async () => {
    const proxy = await TestProxy.place(kind, { targets: ['192.0.2.7:5000'] });
    await proxy.configure();
    const [command] = kind.program.commands;
    const { stdout, stderr } = await new Program(command, kind.checkArguments?.(proxy.file, proxy.folder) ?? [])
      .finished;
    expect(stdout + stderr).not.toMatch(/warn|alert|emerg|notice/i);
    const timers = [
      ...(await proxy.configuration()).matchAll(/^\s*(?:timeout (?:client|server|tunnel)|proxy_timeout) (\S+?);?$/gm),
    ];
    expect(timers.length).toBeGreaterThan(0);
    for (const [, timer] of timers) expect(timer).toBe(`${24 * 86_400_000}ms`);
  });

  it('closes a silent connection when an idle limit is set', async () => {
    const proxy = await TestProxy.start(kind, { targets: [(await echo()).address], idleTimeoutMs: 200 });
    await readAll(await connect(proxy.address)).catch(() => undefined);
  });

  it('S9: listens at its own address only', async () => {
    const proxy = await TestProxy.start(kind, { targets: [(await echo()).address], listenerIp: '127.0.0.2' });
    expect(await accepts(proxy.address)).toBe(true);
    expect(await accepts(proxy.address.replace('127.0.0.2', '127.0.0.1'))).toBe(false);
  });

  it('starts again after a crash, beside what that has left', async () => {
    const proxy = await TestProxy.start(kind, { targets: [(await echo()).address] });
    expect(await exchange(proxy.address, 'before')).toBe('before');
    await proxy.crash();
    await proxy.start();
    expect(await exchange(proxy.address, 'again')).toBe('again');
    await until(
      'the connection being counted',
      5_000,
      async () => (await countersOf(proxy.control)).openConnections === 0,
    );
    expect(await countersOf(proxy.control)).toMatchObject({ totalConnections: 1, bytesIn: 5, bytesOut: 5 });
  });

  it.each(['wrote', 'never wrote'])(
    'follows an agent after a crash to targets that the one before %s, and keeps its connections',
    async (how) => {
      const [before, after] = [await echo(), await saying('after')];
      const proxy = await TestProxy.start(kind, { targets: [before.address] });
      const open = await connect(proxy.address);
      open.write('open before');
      await once(open, 'readable');
      if (how === 'wrote') await proxy.write([after.address]);
      const forwarder = await proxy.successor([after.address]);
      for (let index = 0; index < 4; index++) expect(await ask(proxy.address)).toBe('after');
      open.end(' and after');
      expect(String(await readAll(open))).toBe('open before and after');
      await until('all being counted', 5_000, () => forwarder.counters().totalConnections === 5);
      await forwarder.update([[parseEndpoint(before.address)]]);
      expect(await ask(proxy.address)).toBe('?');
    },
  );

  it('says when the program does not answer, and when the path of its folder is too long', async () => {
    const proxy = await TestProxy.start(kind, { targets: ['192.0.2.7:5000'] });
    await proxy.crash();
    await expect(countersOf(proxy.control)).rejects.toMatchObject({ code: 'SERVER_ERR' });
    const folder = `/${'long/'.repeat(20)}`;
    expect(() => kind.values({ ...proxy.settings, folder })).toThrow(/--state-dir/);
  });
}

/** What holds for the configuration of every program. */
export function keepsItsTemplate(kind: ProxyKind): void {
  it('S2: no value can add a line to the configuration', async () => {
    const lines = await templateLines(kind);
    const usual = parseEndpoint('192.0.2.7:5000');
    const plain = ({ streams, ...rest }: ProxySettings): Promise<string> => {
      const same = streams.map(({ targets: [, ...more] }) => ({
        listener: usual,
        targets: [usual, ...more.map(() => usual)] as const,
      }));
      return render(kind.template, kind.values({ ...rest, streams: same }), undefined);
    };
    const host = fc.oneof(fc.ipV4(), fc.ipV6());
    const endpoint = fc.record({ host, port: fc.integer({ min: 1, max: 65_535 }) });
    const targets = fc
      .tuple(endpoint)
      .chain(([one]) => fc.array(endpoint, { maxLength: 4 }).map((more) => [one, ...more] as const));
    const streams = fc.array(fc.record({ listener: endpoint, targets }), { minLength: 1, maxLength: 3 });
    const rest = fc.record({
      wan: fc.constantFrom('listener', 'target'),
      transport: fc.constantFrom('tcp', 'udp'),
      maxRate: fc.nat(),
      workers: fc.integer({ min: 1, max: 256 }),
      bufferSize: fc.nat({ max: 2 ** 30 }),
      idleTimeoutMs: fc.nat(),
      protection: fc.constantFrom(noKey, psk(), pskOnly()),
    });
    await fc.assert(
      fc.asyncProperty(streams, rest, async (streams, rest) => {
        const settings = { ...usualSettings, ...rest, folder: '/run/scistream', streams };
        const text = await render(kind.template, kind.values(settings), undefined);
        for (const line of text.split('\n'))
          expect(
            lines.some((known) => known.test(line)),
            line,
          ).toBe(true);
        expect(text.split('\n')).toHaveLength((await plain(settings)).split('\n').length);
      }),
      { numRuns: 60 },
    );
  });

  it('S2: an address that holds anything else is none', () => {
    const text = fc.stringMatching(/^[0-9a-f.:]*[\s"'{};#%\\][^:]*$/);
    fc.assert(
      fc.property(text, (bad) => {
        expect(() => parseEndpoint(`${bad}:5000`)).toThrow(/host:port/);
        expect(() => parseEndpoint(`127.0.0.1:5000${bad}`)).toThrow();
        if (!isIPv6(bad)) expect(() => parseEndpoint(`[${bad}]:5000`)).toThrow(/host:port/);
      }),
    );
  });

  it('S2: nor can the path of the folder', () => {
    const listener = parseEndpoint('127.0.0.1:5100');
    const streams = [{ listener, targets: [listener] as const }];
    for (const folder of [
      '/run/a b',
      '/run/a\nb',
      '/run/a;b',
      '/run/a"b',
      "/run/a'b",
      '/run/{a}',
      '/run/#a',
      '/run/$a',
    ]) {
      expect(() => kind.values({ ...usualSettings, folder, streams })).toThrow(/--state-dir/);
    }
  });
}

/** Says a word first: a client that ends at once without one does not get to a target through HAProxy. */
export function ask(address: string): Promise<string> {
  return exchange(address, '?');
}
