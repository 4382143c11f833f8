import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../src/core/until.js';
import { DataServer } from '../support/data-server.js';
import { variants } from '../support/engine.js';
import { connect, echo, exchange } from '../support/tcp.js';

const intervalMs = 100;

describe.each(variants)("watching a reservation at the data server's own API, with $name", ({ portable }) => {
  it('tells ever larger counters while data flows, of this reservation only, until the caller ends the call', async () => {
    const server = await DataServer.start({ portable });
    const target = (await echo()).address;
    await server.forward(target);
    const { id, address } = await server.forward(target);
    const stop = new AbortController();
    onTestFinished(() => {
      stop.abort();
    });
    const told: { ids: string[]; bytesIn: bigint; bytesOut: bigint; open: bigint }[] = [];
    const read = async (): Promise<void> => {
      for await (const { countersById } of server.client.watch({ id, intervalMs }, { signal: stop.signal })) {
        const { bytesIn = 0n, bytesOut = 0n, openConnections: open = 0n } = countersById[id] ?? {};
        told.push({ ids: Object.keys(countersById), bytesIn, bytesOut, open });
      }
    };
    const end = read().catch((error: unknown) => error);
    await until('the first answer', 5_000, () => told.length > 0);
    expect(told[0]).toEqual({ ids: [id], bytesIn: 0n, bytesOut: 0n, open: 0n });
    const socket = await connect(address);
    socket.resume();
    for (let round = 1n; round <= 3n; round++) {
      socket.write('x'.repeat(1000));
      await until(`${round} kB being told`, 5_000, () => {
        const last = told.at(-1);
        return last?.bytesIn === round * 1000n && last.bytesOut === last.bytesIn && last.open === 1n;
      });
    }
    const totals = told.map(({ bytesIn }) => Number(bytesIn));
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
    stop.abort();
    expect(await end).toMatchObject({ code: 'CANCELED' });
    expect(await exchange(address, 'still served')).toBe('still served');
    expect(await server.stop()).toMatchObject({ code: 0 });
  });
});
