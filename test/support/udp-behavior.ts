import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { parseEndpoint } from '../../src/core/endpoint.js';
import { until } from '../../src/core/until.js';
import { DataServer } from './data-server.js';
import { temporaryDir } from './facility.js';
import { UdpPeer } from './udp.js';
import { first } from './v1.js';

interface DatagramOptions {
  readonly type: string;
  /** Of s2ds, for this type. */
  readonly args?: () => Promise<readonly string[]>;
}

interface Flows {
  readonly server: DataServer;
  readonly id: string;
  readonly address: string;
  readonly dir: string;
}

/** A reservation for datagrams at a data server of its own, pointed at `target`. */
async function openFlows(
  { type, args: typeArgs }: DatagramOptions,
  target: string,
  args: readonly string[] = [],
): Promise<Flows> {
  const dir = await temporaryDir();
  const server = await DataServer.start({ dir, args: [...((await typeArgs?.()) ?? []), ...args] });
  const plain = { role: 'PROD', numListeners: 1, security: 'none', transport: 'udp' };
  const { reservation } = await server.client.reserve({ type, ...plain });
  const id = reservation?.id ?? '';
  await server.client.update({ id, forwards: [{ targets: [target] }] });
  return { server, id, address: first(reservation?.listeners ?? []), dir };
}

/** What every data server type must do that forwards datagrams by a program of others, seen through s2ds. */
export function forwardsDatagrams(options: DatagramOptions): void {
  const open = (target: string, args?: readonly string[]): Promise<Flows> => openFlows(options, target, args);

  it('carries datagrams both ways, all flows to new targets, and nothing of it is left after the release', async () => {
    const [red, blue] = [await UdpPeer.echo('red '), await UdpPeer.echo('blue ')];
    const flows = await open(red.address);
    const { server, id, address, dir } = flows;
    await tells(flows, { bytesIn: 0n, bytesOut: 0n, openConnections: 0n });
    const clients = [await UdpPeer.open(), await UdpPeer.open()];
    for (const [index, client] of clients.entries()) await answers(client, address, String(index), `red ${index}`);
    await tells(flows, { bytesIn: undefined, bytesOut: undefined, openConnections: 2n });
    expect(new Set(red.received.map(({ from }) => from)).size).toBe(2);
    await answers(first(clients), address, 'x'.repeat(60_000), `red ${'x'.repeat(60_000)}`);
    await server.client.update({ id, forwards: [{ targets: [blue.address] }] });
    await answers(await UdpPeer.open(), address, 'new', 'blue new');
    await answers(first(clients), address, 'open', 'blue open');
    await server.client.release({ id });
    expect(existsSync(path.join(dir, 's2ds.d', id))).toBe(false);
    // Nobody has the port any more.
    const { host, port } = parseEndpoint(address);
    await UdpPeer.open(host, port);
  });

  it('R17 carries them from IPv6 to IPv6', async () => {
    const target = await UdpPeer.echo('six ', '::1');
    const { address } = await open(target.address, ['--listener-ip', '::1']);
    expect(address).toMatch(/^\[::1\]:/);
    await answers(await UdpPeer.open('::1'), address, 'x', 'six x');
  });

  it('R17 carries them from IPv4 and IPv6 where it listens at every address', async () => {
    const { address } = await open((await UdpPeer.echo('any ')).address, ['--listener-ip', '::']);
    const { port } = parseEndpoint(address);
    await answers(await UdpPeer.open('::1'), `[::1]:${port}`, '6', 'any 6');
    await answers(await UdpPeer.open(), `127.0.0.1:${port}`, '4', 'any 4');
  });

  it('S9 listens at its listener address and at no other', async () => {
    const { address } = await open((await UdpPeer.echo('its ')).address, ['--listener-ip', '127.0.0.2']);
    const { port } = parseEndpoint(address);
    // Somebody else can have the same port there.
    const other = await UdpPeer.open('127.0.0.1', port);
    const client = await UdpPeer.open();
    client.send(other.address, 'stray');
    await until('the stray datagram', 5_000, () => other.texts.includes('stray'));
    await answers(client, `127.0.0.2:${port}`, 'x', 'its x');
    expect(client.texts).toEqual(['its x']);
  });
}

/** What its counters must be, over a crash of s2ds. */
export function countsDatagrams(options: DatagramOptions): void {
  it('leaves out the bytes while a flow is open, also for the next data server, and tells them after', async () => {
    const [target, other, client] = [await UdpPeer.echo(), await UdpPeer.echo(), await UdpPeer.open()];
    const before = await openFlows(options, target.address);
    const { id, address, dir } = before;
    await answers(client, address, '1234', '1234');
    await tells(before, { bytesIn: undefined, openConnections: 1n, totalConnections: 1n });
    await before.server.program.kill('SIGKILL');
    const server = await DataServer.start({ dir, args: (await options.args?.()) ?? [] });
    const flows = { ...before, server };
    const { reservations } = await server.client.list({ id });
    expect(reservations[0]?.counters?.bytesIn).toBeUndefined();
    await answers(client, address, '56', '56');
    await tells(flows, { bytesIn: undefined, openConnections: 1n, totalConnections: 1n });
    await server.client.update({ id, forwards: [{ targets: [other.address] }] });
    await tells(flows, { bytesIn: 6n, bytesOut: 6n, openConnections: 0n, totalConnections: 1n });
    const { counters } = await server.client.release({ id });
    expect(counters).toMatchObject({ bytesIn: 6n, bytesOut: 6n });
  });
}

/** Sends a datagram and waits for the answer. */
async function answers(client: UdpPeer, address: string, text: string, answer: string): Promise<void> {
  client.send(address, text);
  await until('the answer', 5_000, () => client.texts.includes(answer));
  expect(client.received.find(({ text: got }) => got === answer)?.from).toBe(address);
}

type Told = Partial<Record<'bytesIn' | 'bytesOut' | 'openConnections' | 'totalConnections', bigint | undefined>>;

/** Waits until the counters are these. */
async function tells({ server, id }: Flows, wanted: Told): Promise<void> {
  await until(`the counters ${Object.entries(wanted).join(' ')}`, 15_000, async () => {
    const counters: Told = (await server.client.list({ id })).reservations[0]?.counters ?? {};
    return (Object.keys(wanted) as (keyof Told)[]).every((name) => counters[name] === wanted[name]);
  });
}
