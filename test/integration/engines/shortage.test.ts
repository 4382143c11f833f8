import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type net from 'node:net';
import { describe, expect, it } from 'vitest';
import { until } from '../../../src/core/until.js';
import { DataServer } from '../../support/data-server.js';
import { variants } from '../../support/engine.js';
import { Payload } from '../../support/payload.js';
import { requirePrograms } from '../../support/requires.js';
import { connect, echo, exchange, hashAll, serve } from '../../support/tcp.js';

const payload = new Payload(16);
const shortage = /EMFILE/;
const enough = 128;

describe.each(variants)('$name without descriptors', ({ portable }) => {
  it('leaves open streams alone, rests, says so in few lines, and serves again when others have gone', async () => {
    const server = await DataServer.start({ portable, descriptors: enough });
    const application = await echo();
    const { id, address } = await server.forward(application.address);
    const early = await connect(address);
    await answers(early);
    const crowd = await crowdAt(address);
    await until('nearly all descriptors being in use', 10_000, async () => {
      return (await server.descriptors()).length >= enough - 1;
    });
    // Node itself sends away whom it has no descriptor for, and tells nobody.
    if (!portable) await server.program.shows(shortage, 'stderr');
    expect(await server.load()).toBeLessThan(0.5);
    // The kernel can give it no pipes now, either.
    const back: unknown[] = [];
    const transfer = Promise.all([hashAll(early).then((all) => back.push(all)), payload.sendTo(early)]);
    await until('the stream having come back', 10_000, () => back.length > 0);
    await transfer;
    expect(back).toEqual([{ hash: payload.hash, bytes: payload.bytes }]);
    for (const socket of crowd) socket?.destroy();
    await until('the crowd having gone', 10_000, async () => (await server.openConnections(id)) === 0);
    await servesAgain(address);
    expect(server.logged(shortage).length).toBeLessThan(6);
    expect(server.logged(/target not reached|defect/)).toEqual([]);
    expect(await server.stop()).toMatchObject({ code: 0, stdout: '' });
  });

  it('refuses a reservation that it has no descriptors for, and grants it later', async () => {
    const server = await DataServer.start({ portable, descriptors: enough });
    const application = await echo();
    const { address } = await server.forward(application.address);
    const crowd = await crowdAt(address);
    await until('a reservation being refused', 10_000, () => {
      return server.forward(application.address).then(
        () => false,
        () => true,
      );
    });
    for (const socket of crowd) socket?.destroy();
    const later = await until('a reservation being granted', 10_000, () => {
      return server.forward(application.address).catch(() => undefined);
    });
    await servesAgain(later.address);
    expect(await server.stop()).toMatchObject({ code: 0, stdout: '' });
  });
});

const privileged = process.getuid?.() === 0;
/** The quota counts for those without privileges only: root gives them away. */
const unprivileged = privileged ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : [];
const largestPipe = 1 << 20;
const quotaPipes = (Number(readFileSync('/proc/sys/fs/pipe-user-pages-soft', 'utf8')) * 4096) / largestPipe;
const applicable =
  quotaPipes > 0 &&
  quotaPipes <= 256 &&
  (!privileged ||
    requirePrograms({ name: 'setpriv', check: ['setpriv', '--version'], hint: 'it comes with util-linux' }));

describe.runIf(applicable)('the relay without pipes', () => {
  it('carries bulk by copying when its user has as many pipes as the kernel allows', async () => {
    const server = await DataServer.start({ under: unprivileged, args: ['--socket-buffer', '256KiB'] });
    const deaf = await serve(readsALittle);
    const stalled = await server.forward(deaf.address);
    const before = await pipesOf(server);
    // Each of them holds a full pipe for as long as its application does not read.
    const count = Math.ceil(quotaPipes) + 16;
    const bytes = Buffer.alloc(4 * largestPipe);
    const senders = await Promise.all(Array.from({ length: count }, () => connect(stalled.address)));
    for (const socket of senders) socket.write(bytes);
    await until('most of the quota being in use', 15_000, async () => {
      return (await pipesOf(server)) > before + quotaPipes / 2;
    });
    const application = await echo();
    const { address } = await server.forward(application.address);
    const socket = await connect(address);
    const [back] = await Promise.all([hashAll(socket), payload.sendTo(socket)]);
    expect(back).toEqual({ hash: payload.hash, bytes: payload.bytes });
    expect(await pipesOf(server)).toBeLessThan(before + count);
    expect(server.logged(/defect|EPERM|EMFILE/)).toEqual([]);
    expect(await server.stop()).toMatchObject({ code: 0, stdout: '' });
  });
});

/** As much as it takes for the relay to see that this is bulk, and then no more. */
function readsALittle(socket: net.Socket): void {
  socket.on('data', () => {
    if (socket.bytesRead > 1 << 20) socket.pause();
  });
}

/** More connections than there is room for; some of them are sent away at once. */
function crowdAt(address: string): Promise<(net.Socket | undefined)[]> {
  return Promise.all(Array.from({ length: 150 }, () => connect(address).catch(() => undefined)));
}

/** Those that the crowd has left in the kernel's queue are accepted first, and may fill it up for a moment. */
async function servesAgain(address: string): Promise<void> {
  await until('an answer', 5_000, async () => {
    return (await exchange(address, 'room again').catch(() => '')) === 'room again';
  });
}

/** Sends a byte and takes it back. */
async function answers(socket: net.Socket): Promise<void> {
  socket.write('x');
  await once(socket, 'readable');
  socket.read();
}

/** How many pipes it has, by both of their ends. */
async function pipesOf(server: DataServer): Promise<number> {
  const pipes = (await server.descriptors()).filter((target) => target.startsWith('pipe:'));
  return new Set(pipes).size;
}
