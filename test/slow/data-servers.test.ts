import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import type { Counters } from '../../src/gen/scistream/data/v1/data_pb.js';
import { testedTypes, type Setting, type TestedType } from '../support/data-server-types.js';
import { freePort } from '../support/engine.js';
import { Payload } from '../support/payload.js';
import { echoesLine, named, Stage } from '../support/stage.js';
import { Tally, Transfer } from '../support/tally.js';
import { accepts, connect } from '../support/tcp.js';

const megabytes = 64;
const updates = 10;
const bytesEach = 3 << 20;

const plain = ['bytesIn', 'bytesOut', 'openConnections', 'refusedConnections', 'totalConnections'];
/** Which counters a type tells when no connection is open, as docs/data-servers.md has it; the others are absent. */
const counted: Readonly<Record<TestedType['engine'], readonly string[]>> = {
  relay: [...plain, 'failedHandshakes', 'retransmits'],
  haproxy: plain,
  nginx: plain,
  stunnel: [...plain, 'failedHandshakes'],
};

describe.each(testedTypes)('a stream of data server type $name', ({ type, engine, set }) => {
  it('carries 64 MB both ways, comes back, outlives its data server and leaves nothing', async () => {
    const setting = await set();
    const [one, two] = [await named('1'), await named('2')];
    const stage = await Stage.open(type, one.address, setting.options);

    const payload = new Payload(megabytes);
    const { socket: bulk, name } = await stage.enter();
    expect(name).toBe('1');
    expect(await payload.echoedBy(bulk)).toEqual({ hash: payload.hash, bytes: payload.bytes });

    await stage.point(two.address);
    const { kill } = setting;
    if (kill) {
      await comesBack(stage, kill);
      await outlivesItsDataServer(stage, one.address);
      expect(await left(stage, setting), 'there is something to be left').not.toEqual([]);
    }

    await stage.server.client.release({ id: stage.id });
    expect(await accepts(stage.listener)).toBe(false);
    expect(await left(stage, setting)).toEqual([]);
  });

  it('keeps a transfer whole through ten updates, and tells what it has carried', async () => {
    const { options } = await set();
    const targets = [await named('1'), await named('2')] as const;
    const stage = await Stage.open(type, targets[0].address, options);
    const { socket } = await stage.enter();
    const [accepted] = targets[0].accepted;
    if (!accepted) throw new Error('there is no connection at the target');
    const there = Tally.of(accepted);
    const transfer = new Transfer(socket);

    for (let index = 1; index <= updates; index++) {
      await stage.point(targets[index % 2 === 0 ? 0 : 1].address);
      expect(await visit(stage)).toBe(index % 2 === 0 ? '1' : '2');
      await transfer.moves(bytesEach);
    }
    const carried = BigInt(transfer.back.bytes);
    expect(carried).toBeGreaterThanOrEqual(updates * bytesEach);
    await tells(stage, ({ bytesIn = 0n, bytesOut = 0n }) => bytesIn >= carried && bytesOut >= carried);

    await transfer.finish();
    const { bytes, hash } = transfer.sent.whole;
    expect([there.whole, transfer.back.whole]).toEqual([
      { bytes, hash },
      { bytes, hash },
    ]);
    socket.destroy();

    await stage.point(`127.0.0.1:${await freePort()}`);
    await isTurnedAway(stage);
    // Every connection but the last one got a letter.
    const entered = 1 + updates;
    const [bytesIn, bytesOut] = [BigInt(bytes), BigInt(bytes + entered)];
    await tells(stage, (told) => told.openConnections === 0n && told.bytesIn === bytesIn && told.bytesOut === bytesOut);
    const told = await tells(stage, ({ refusedConnections = 0n }) => refusedConnections >= 1);
    expect(told.totalConnections).toBeGreaterThanOrEqual(entered);
    expect(present(told)).toEqual([...counted[engine]].sort());
  });
});

async function comesBack(stage: Stage, kill: NonNullable<Setting['kill']>): Promise<void> {
  await stage.server.client.list({});
  const { socket: lost } = await stage.enter();
  const over = until('the end of a lost connection', 10_000, () => lost.destroyed || lost.readableEnded);
  lost.resume();
  await kill(stage.stateDir);
  await over;
  expect((await stage.enter()).name, 'after its program was killed').toBe('2');
}

async function outlivesItsDataServer(stage: Stage, next: string): Promise<void> {
  const { socket: durable } = await stage.enter();
  await stage.crash(async () => {
    expect(await echoesLine(durable, 'without a data server')).toBe(true);
  });
  const { reservations } = await stage.server.client.list({});
  expect(reservations.map(({ id }) => id)).toEqual([stage.id]);
  expect(await echoesLine(durable, 'with another one')).toBe(true);
  await stage.point(next);
  expect((await stage.enter()).name, 'after the next data server took over').toBe('1');
  expect(await echoesLine(durable, 'and updated')).toBe(true);
}

/** What there is of the stream: programs, folders and records. */
async function left({ stateDir }: Stage, setting: Setting): Promise<readonly string[]> {
  const records = path.join(stateDir, 's2ds.d');
  return [
    ...(await setting.programs(stateDir)),
    ...(await setting.folders(stateDir)),
    ...(existsSync(records) ? await readdir(records) : []),
  ];
}

/** The name of the target that a new connection reaches. */
async function visit(stage: Stage): Promise<string> {
  const { socket, name } = await stage.enter();
  socket.destroy();
  return name;
}

async function isTurnedAway(stage: Stage): Promise<void> {
  // It may be closed before we have seen it open.
  const socket = await connect(stage.address).catch(() => undefined);
  if (!socket) return;
  socket.resume();
  await until('a connection to nobody being closed', 20_000, () => socket.destroyed || socket.readableEnded);
  socket.destroy();
}

/** The counters, as soon as they are so. */
async function tells({ server, id }: Stage, so: (counters: Counters) => boolean): Promise<Counters> {
  let last: Counters | undefined;
  try {
    return await until('the counters being right', 20_000, async () => {
      const { reservations } = await server.client.list({ id });
      last = reservations[0]?.counters;
      return last && so(last) ? last : undefined;
    });
  } catch (error) {
    throw new Error(`told ${inspect(last)}`, { cause: error });
  }
}

/** Names of the counters that are not absent. */
function present(counters: Counters): string[] {
  const all: readonly (readonly [string, unknown])[] = Object.entries(counters);
  return all.flatMap(([name, value]) => (typeof value === 'bigint' ? [name] : [])).sort();
}
