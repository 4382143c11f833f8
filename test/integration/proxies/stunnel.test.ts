import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Deferred } from '../../../src/core/deferred.js';
import { parseEndpoint } from '../../../src/core/endpoint.js';
import { until } from '../../../src/core/until.js';
import type { Counters } from '../../../src/data/engines/engine.js';
import type { ProxyControl } from '../../../src/data/engines/proxy/proxy.js';
import { Journal } from '../../../src/data/engines/proxy/stunnel/journal.js';
import { LogFile } from '../../../src/data/engines/proxy/stunnel/log-file.js';
import { stunnel } from '../../../src/data/engines/proxy/stunnel/kind.js';
import { fast, forward, psk } from '../../support/engine.js';
import { Payload } from '../../support/payload.js';
import { logLines } from '../../support/processes.js';
import { connectionsOf, countersOf, TestProxy, type ProxyOptions } from '../../support/proxy.js';
import { keepsItsTemplate } from '../../support/proxy-behavior.js';
import { requirePrograms } from '../../support/requires.js';
import {
  accepts,
  connect,
  echo,
  exchange,
  hashAll,
  readAll,
  saying,
  serve,
  type TestServer,
} from '../../support/tcp.js';
import { watchedSs, withoutSs } from '../../support/watched-ss.js';

const installed = { name: 'stunnel', check: ['stunnel', '-version'], hint: 'apt-get install stunnel4' } as const;

describe.runIf(requirePrograms(installed))('stunnel', () => {
  const payload = new Payload(16);

  keepsItsTemplate(stunnel);

  it('R18: keeps an idle connection for as long as its timers can, unless a limit is set', async () => {
    const targets = ['192.0.2.7:5000'];
    const timersOf = async (options: Partial<ProxyOptions>): Promise<readonly (string | undefined)[]> => {
      const end = await TestProxy.place(stunnel, { targets, protection: psk(), ...options });
      await end.configure();
      return [...(await end.configuration()).matchAll(/^TIMEOUT(?:idle|close) = (.*)$/gm)].map(([, timer]) => timer);
    };
    expect(await timersOf({})).toEqual(['2147483', '2147483']);
    expect(await timersOf({ idleTimeoutMs: 90_000 })).toEqual(['90', '90']);
  });

  it('carries 16 MiB and its way back between two stunnels', async () => {
    const application = await echo();
    const { address, producer, consumer } = await twoStunnels(application.address);
    await crosses(address, payload);
    for (const { control } of [producer, consumer]) {
      const counted = await settled(control, { openConnections: 0 });
      expect(counted).toMatchObject({ bytesIn: payload.bytes, bytesOut: payload.bytes, totalConnections: 1 });
    }
  });

  it('carries an upload and its answer after the end of it', async () => {
    const application = await hashing();
    const { address } = await twoStunnels(application.address);
    const socket = await connect(address);
    void payload.sendTo(socket);
    expect((await readAll(socket)).toString()).toBe(payload.hash);
  });

  it('is an inbound end for an outbound relay', async () => {
    const application = await echo();
    const protection = psk();
    const producer = await startStunnel({ targets: [application.address], protection });
    const { address } = await forward(fast, { role: 'CONS', targets: [producer.address], protection });
    await crosses(address, payload);
  });

  it('is an outbound end for an inbound relay', async () => {
    const application = await echo();
    const protection = psk();
    const producer = await forward(fast, { targets: [application.address], protection });
    const { address } = await startStunnel({ wan: 'target', targets: [producer.address], protection });
    await crosses(address, payload);
  });

  it.each(['listener', 'target'] as const)('spreads over targets, and skips one that refuses (%s)', async (wan) => {
    const [one, two] = [await saying('one'), await saying('two')];
    const protection = psk();
    // As the outbound end it reaches its targets through inbound relays.
    const behind = async ({ address }: TestServer): Promise<string> =>
      wan === 'listener' ? address : (await forward(fast, { targets: [address], protection })).address;
    const targets = [`${await behind(one)},127.0.0.1:1,${await behind(two)}`];
    const end = await startStunnel({ wan, targets, protection });
    const address =
      wan === 'target'
        ? end.address
        : (await forward(fast, { role: 'CONS', targets: [end.address], protection })).address;
    const answers = new Set<string>();
    for (let count = 0; count < 6; count++) answers.add(await exchange(address, ''));
    expect(answers).toEqual(new Set(['one', 'two']));
  });

  it('takes up ten changes of targets while a transfer runs, and new connections follow', async () => {
    const large = new Payload(64);
    const gates = Array.from({ length: 11 }, () => new Deferred<void>());
    const application = await serve((socket) => {
      void hashInSteps(socket, large.bytes / gates.length, gates).then((hash) => socket.end(hash));
    });
    const { address, producer } = await twoStunnels(application.address);
    const socket = await connect(address);
    void large.sendTo(socket);
    const answer = readAll(socket);
    await until('the connection to the first target', 5_000, () => application.accepted.length === 1);
    for (const [index, gate] of gates.slice(0, 10).entries()) {
      gate.resolve();
      const other = await saying(`target ${index}`);
      await producer.update([other.address]);
      expect(await exchange(address, '')).toBe(`target ${index}`);
    }
    expect(await countersOf(producer.control)).toMatchObject({ openConnections: 1 });
    gates[10]?.resolve();
    expect((await answer).toString()).toBe(large.hash);
    const counted = await settled(producer.control, { openConnections: 0 });
    expect(counted).toMatchObject({ totalConnections: 11, bytesIn: large.bytes, failedHandshakes: 0 });
  });

  it("gives stunnel's words when it refuses a configuration, and goes on with the one before", async () => {
    const application = await saying('as before');
    const { address, producer } = await twoStunnels(application.address);
    await writeFile(producer.file, 'nonsense = yes\n');
    await expect(producer.control.apply(producer.settings)).rejects.toMatchObject({
      code: 'SERVER_ERR',
      message: expect.stringContaining('nonsense') as string,
    });
    expect(await exchange(address, '')).toBe('as before');
    await producer.update([application.address]);
  });

  it('ends with words on stderr when it refuses its first configuration', async () => {
    const end = await TestProxy.place(stunnel, { targets: ['127.0.0.1:1'], protection: psk() });
    await end.configure();
    await writeFile(end.file, `${await end.configuration()}\nnonsense = yes\n`);
    await expect(end.start()).rejects.toThrow();
    expect(end.output).toContain('nonsense');
  });

  it('R4 serves a hundred connections in a row, and counts each', async () => {
    const application = await echo();
    const { address, producer, consumer } = await twoStunnels(application.address);
    for (let count = 0; count < 100; count++)
      expect(await exchange(address, `number ${count}`)).toBe(`number ${count}`);
    for (const { control } of [producer, consumer]) {
      expect(await settled(control, { openConnections: 0 })).toMatchObject({
        totalConnections: 100,
        refusedConnections: 0,
        failedHandshakes: 0,
        bytesIn: 890,
        bytesOut: 890,
      });
    }
  });

  it('counts open connections, where they go, and what no target took', async () => {
    const application = await serve((socket) => socket.resume().write('1234567'));
    const { address, producer, consumer } = await twoStunnels(application.address);
    const socket = await connect(address);
    socket.resume().write('12345');
    for (const { control, settings } of [producer, consumer]) {
      await settled(control, { openConnections: 1, bytesIn: 5, bytesOut: 7 });
      const [stream] = settings.streams;
      const [connection] = await connectionsOf(control);
      expect(connection).toMatchObject({ listener: stream?.listener, target: stream?.targets[0], bytesIn: 5 });
      expect(connection?.rttUs).toBeGreaterThan(0);
    }
    const [told] = await connectionsOf(consumer.control);
    expect(told?.client).toEqual({ host: '127.0.0.1', port: socket.localPort });
    await producer.update(['127.0.0.1:1']);
    await exchange(address, 'nobody is there').catch(() => '');
    expect(await settled(producer.control, { refusedConnections: 1 })).toMatchObject({
      openConnections: 1,
      totalConnections: 2,
      failedHandshakes: 0,
    });
  });

  it('R17 listens on IPv6 and reaches IPv6 targets', async () => {
    const application = await echo('::1');
    const { address, producer } = await twoStunnels(application.address, '::1');
    expect(address).toMatch(/^\[::1\]:/);
    const socket = await connect(address);
    socket.write('six');
    await settled(producer.control, { openConnections: 1, bytesIn: 3, bytesOut: 3 });
    expect(await connectionsOf(producer.control)).toMatchObject([{ target: parseEndpoint(application.address) }]);
  });

  it('R17 tells an IPv4 client of a listener at every address as such', async () => {
    const application = await echo();
    const { consumer } = await twoStunnels(application.address, '::');
    const { port } = parseEndpoint(consumer.address);
    const socket = await connect(`127.0.0.1:${port}`);
    socket.write('four');
    await settled(consumer.control, { openConnections: 1, bytesIn: 4, bytesOut: 4 });
    const client = { host: '127.0.0.1', port: socket.localPort };
    expect(await connectionsOf(consumer.control)).toMatchObject([{ client, listener: { host: '::', port } }]);
  });

  it('S9 listens at its listener address and at no other', async () => {
    const { address } = await startStunnel({ targets: ['127.0.0.1:1'], protection: psk(), listenerIp: '127.0.0.2' });
    expect(await accepts(address)).toBe(true);
    expect(await accepts(address.replace('127.0.0.2', '127.0.0.1'))).toBe(false);
  });

  it('R8 keeps the key in its own file, and nothing else that stunnel sees has it', async () => {
    const key = randomBytes(32);
    const { folder } = await startStunnel({ targets: ['127.0.0.1:1'], protection: psk(key) });
    expect(await readFile(path.join(folder, 'psk.txt'), 'utf8')).toBe(`client1:${key.toString('hex')}\n`);
    expect((await stat(path.join(folder, 'psk.txt'))).mode & 0o777).toBe(0o600);
    const others = (await readdir(folder)).filter((name) => name !== 'psk.txt');
    expect(others.sort()).toEqual(['process.json', 'stunnel.conf', 'stunnel.log']);
    for (const name of others)
      expect(await readFile(path.join(folder, name), 'utf8')).not.toContain(key.toString('hex'));
  });

  it('leaves out the bytes while it has open connections of which nobody tells them, as without ss', async () => {
    const { address, producer, consumer } = await twoStunnels((await echo()).address);
    await withoutSs();
    const socket = await connect(address);
    socket.write('1234');
    await until('the echo', 5_000, () => socket.readableLength === 4);
    for (const { control } of [producer, consumer]) {
      const known = { totalConnections: 1, refusedConnections: 0, failedHandshakes: 0, openConnections: 1 };
      expect(await control.snapshot()).toEqual({ counters: known, connections: [] });
    }
    socket.resume().end();
    for (const { control } of [producer, consumer]) {
      expect(await settled(control, { openConnections: 0 })).toMatchObject({ bytesIn: 4, bytesOut: 4 });
    }
  });

  it('asks the system once for counters and connections', async () => {
    const { address, producer } = await twoStunnels((await echo()).address);
    const socket = await connect(address);
    socket.write('1234');
    await until('the echo', 5_000, () => socket.readableLength === 4);
    const runs = await watchedSs();
    const { counters, connections } = await producer.control.snapshot();
    expect(counters).toMatchObject({ bytesIn: 4, bytesOut: 4 });
    expect(connections).toMatchObject([{ bytesIn: 4, bytesOut: 4 }]);
    expect(await runs()).toHaveLength(1);
  });

  it('counts on where an agent before it has left off, also over a new log', async () => {
    const application = await echo();
    const { address, producer } = await twoStunnels(application.address);
    const journal = new Journal(false);
    const reopen = () => producer.running.signal('SIGUSR1');
    const { logger, lines } = logLines();
    const log = new LogFile({ folder: producer.folder, journal, logger, adopted: false, reopen, limit: 1_000 });
    const file = path.join(producer.folder, 'stunnel.log');
    const renewed = async (): Promise<boolean> => {
      await log.read();
      return !(await readdir(producer.folder)).includes('stunnel.log.old') && (await stat(file)).size < 1_000;
    };
    await connect(address);
    for (let count = 0; count < 3; count++) {
      expect(await exchange(address, '1234')).toBe('1234');
      await until('a new log', 10_000, renewed);
    }
    await until('all being told', 10_000, async () => {
      await log.read();
      return journal.bytesIn === 12 && journal.open.size === 1 && journal.totalConnections === 4;
    });
    const said = lines.map(({ msg }) => msg);
    // What is put into a new file is no line of stunnel.
    expect(said.filter((line) => !/^\S+ \S+ LOG\d\[/.test(line))).toEqual([]);
    for (const [words, times] of [
      ['bound to', 1],
      ['accepted connection', 4],
      ['Connection closed', 3],
    ] as const) {
      expect(
        said.filter((line) => line.includes(words)),
        words,
      ).toHaveLength(times);
    }
    // Who takes over logs nothing again.
    const { logger: another, lines: news } = logLines();
    const next = { folder: producer.folder, journal: new Journal(false), logger: another, adopted: true, reopen };
    const follower = new LogFile(next);
    await follower.read();
    expect(news).toEqual([]);
    expect(await exchange(address, '')).toBe('');
    await until('the news being logged', 5_000, async () => {
      await follower.read();
      return news.some(({ msg }) => msg.includes('Connection closed'));
    });
    expect(news.filter(({ msg }) => msg.includes('accepted connection'))).toHaveLength(1);
    await settled(producer.adopt(), { totalConnections: 5, openConnections: 1, bytesIn: 12, bytesOut: 12 });
  });

  it('counts on also when that agent died while it renewed the log once more', async () => {
    const { address, producer } = await twoStunnels((await echo()).address);
    const reopen = () => producer.running.signal('SIGUSR1');
    const { logger } = logLines();
    const journal = new Journal(false);
    const log = new LogFile({ folder: producer.folder, journal, logger, adopted: false, reopen, limit: 1_000 });
    const textOf = (name: string): Promise<string> =>
      readFile(path.join(producer.folder, name), 'utf8').catch(() => '');
    expect(await exchange(address, '1234')).toBe('1234');
    await until('a new log', 10_000, async () => {
      await log.read();
      return (await textOf('stunnel.log')).includes('counted {');
    });
    for (let count = 0; count < 2; count++) expect(await exchange(address, '1234')).toBe('1234');
    await until('the next renewal', 10_000, async () => {
      await log.read();
      return (await textOf('stunnel.log.old')).includes('counted {');
    });
    await settled(producer.adopt(), { totalConnections: 3, openConnections: 0, bytesIn: 12, bytesOut: 12 });
  });

  it.each(['wrote', 'never wrote'])('follows an agent after a crash to targets that the one before %s', async (how) => {
    const { address, producer } = await twoStunnels((await echo()).address);
    const open = await connect(address);
    open.write('open before');
    await settled(producer.control, { bytesOut: 11 });
    const other = await saying('after');
    if (how === 'wrote') await producer.write([other.address]);
    await producer.successor([other.address]);
    expect(await exchange(address, '')).toBe('after');
    open.end(' and after');
    expect((await readAll(open)).toString()).toBe('open before and after');
  });

  it('is not reloaded for an agent after a crash that wants the same', async () => {
    const application = await echo();
    const { address, producer } = await twoStunnels(application.address);
    await producer.successor([application.address]);
    expect(await exchange(address, 'hello')).toBe('hello');
    const log = await readFile(path.join(producer.folder, 'stunnel.log'), 'utf8');
    expect(log.match(/Configuration successful/g)).toHaveLength(1);
  });

  it('cuts a silent connection after the idle time, if one is set', async () => {
    const application = await echo();
    const protection = psk();
    const producer = await startStunnel({ targets: [application.address], protection, idleTimeoutMs: 1_000 });
    const { address } = await startStunnel({ wan: 'target', targets: [producer.address], protection });
    const socket = await connect(address);
    await expect(readAll(socket).catch(() => Buffer.alloc(0))).resolves.toHaveLength(0);
  });
});

function startStunnel(options: ProxyOptions): Promise<TestProxy> {
  return TestProxy.start(stunnel, options);
}

/** PROD and CONS with the same key. */
async function twoStunnels(
  target: string,
  listenerIp = '127.0.0.1',
): Promise<{ producer: TestProxy; consumer: TestProxy; address: string }> {
  const protection = psk();
  const producer = await startStunnel({ targets: [target], protection, listenerIp });
  const consumer = await startStunnel({ wan: 'target', targets: [producer.address], protection, listenerIp });
  return { producer, consumer, address: consumer.address };
}

/** Answers with the hash of what came, when that has ended. */
function hashing(): Promise<TestServer> {
  return serve((socket) => {
    void hashAll(socket).then(
      ({ hash }) => socket.end(hash),
      () => undefined,
    );
  });
}

/** Takes in each step only when its gate is open, so that a transfer lasts as long as the test wants. */
async function hashInSteps(socket: Socket, step: number, gates: readonly Deferred<void>[]): Promise<string> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    await gates[Math.floor(bytes / step)]?.promise;
    hash.update(chunk);
    bytes += chunk.length;
  }
  return hash.digest('hex');
}

async function crosses(address: string, payload: Payload): Promise<void> {
  const socket = await connect(address);
  expect(await payload.echoedBy(socket)).toEqual({ hash: payload.hash, bytes: payload.bytes });
  socket.end();
}

/** The counters once they are so. */
function settled(control: ProxyControl, wanted: Counters): Promise<Counters> {
  return until(`the counters ${JSON.stringify(wanted)}`, 10_000, async () => {
    const counted = await countersOf(control);
    return isDeepStrictEqual({ ...counted, ...wanted }, counted) && counted;
  });
}
