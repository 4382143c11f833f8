import { once } from 'node:events';
import net from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PortPool, probePort, type PortLease, type PortProbe } from './ports.js';

const allFree: PortProbe = (_, port) => Promise.resolve(port);
const range = { kind: 'range', first: 5100, last: 5109 } as const;

describe('port pool', () => {
  it('R6 gives each port to one session at a time and gets every one back, in any order of reserving and releasing', async () => {
    const step = fc.oneof(
      fc.record({ count: fc.integer({ min: 1, max: 6 }), preferred: fc.array(fc.integer({ min: 5095, max: 5115 })) }),
      fc.record({ release: fc.nat(20) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const pool = new PortPool('127.0.0.1', range, allFree);
        const leases: PortLease[] = [];
        for (const action of steps) {
          if ('release' in action) {
            leases.splice(action.release % Math.max(1, leases.length), 1).forEach((lease) => {
              lease[Symbol.dispose]();
            });
            continue;
          }
          const { count, preferred } = action;
          const before = pool.free;
          const outcome = await pool.reserve(count, preferred).catch((error: unknown) => error);
          if (before < count) expect(outcome).toMatchObject({ code: 'NO_RESOURCE' });
          else leases.push(outcome as PortLease);
          const held = leases.flatMap((lease) => lease.ports);
          expect(new Set(held).size).toBe(held.length);
          expect(held.every((port) => port >= 5100 && port <= 5109)).toBe(true);
          expect(pool.free).toBe(10 - held.length);
        }
        for (const lease of leases) lease[Symbol.dispose]();
        expect(pool.free).toBe(10);
      }),
    );
  });

  it('R6 overlapping requests never share a port', async () => {
    const pool = new PortPool('127.0.0.1', range, allFree);
    const leases = await Promise.all([pool.reserve(3), pool.reserve(3), pool.reserve(4)]);
    expect(new Set(leases.flatMap((lease) => lease.ports)).size).toBe(10);
    await expect(pool.reserve(1)).rejects.toMatchObject({ code: 'NO_RESOURCE' });
  });

  it('passes over a port that another program holds, and a failed request keeps nothing', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const taken = address !== null && typeof address === 'object' ? address.port : 0;
    const pool = new PortPool('127.0.0.1', { kind: 'range', first: taken, last: taken });
    await expect(pool.reserve(1)).rejects.toMatchObject({ code: 'NO_RESOURCE' });
    expect(pool.free).toBe(1);
    server.close();
    await once(server, 'close');
    expect((await pool.reserve(1)).ports).toEqual([taken]);
  });

  it('R22 gives wished ports first, and others where a wish cannot be met', async () => {
    const pool = new PortPool('127.0.0.1', range, allFree);
    expect((await pool.reserve(3, [5107, 80, 5105])).ports).toEqual([5107, 5105, 5100]);
    expect((await pool.reserve(1, [5107])).ports).not.toContain(5107);
  });

  it('reuses the port that was freed last as late as possible', async () => {
    const pool = new PortPool('127.0.0.1', range, allFree);
    const first = await pool.reserve(1);
    first[Symbol.dispose]();
    expect((await pool.reserve(9)).ports).not.toContain(first.ports[0]);
  });

  it('S10 refuses counts that no such pool can give', async () => {
    const pool = new PortPool('127.0.0.1', range, allFree);
    for (const count of [0, -1, 1.5, 11, NaN])
      await expect(pool.reserve(count)).rejects.toMatchObject({ code: 'BAD_FORMAT' });
    expect(pool.free).toBe(10);
  });

  it('counts ports of an agent with another range as held, not as missing from this one', async () => {
    const pool = new PortPool('127.0.0.1', range, allFree);
    const outside = pool.claim(Array.from({ length: 11 }, (_, index) => 5200 + index));
    expect(pool.free).toBe(10);
    expect(() => pool.claim([5210])).toThrow('reserved already');
    const partly = pool.claim([5109, 5110]);
    expect(pool.free).toBe(9);
    const { ports } = await pool.reserve(9);
    expect(ports).not.toContain(5109);
    expect(pool.free).toBe(0);
    for (const lease of [outside, partly]) lease[Symbol.dispose]();
    expect(pool.free).toBe(1);
  });

  it('has never less than no ports, however many another agent had of those that the system chooses', () => {
    const pool = new PortPool('127.0.0.1', { kind: 'system' }, allFree);
    const lease = pool.claim(Array.from({ length: pool.total + 1 }, (_, index) => 10_000 + index));
    expect(pool.free).toBe(0);
    lease[Symbol.dispose]();
    expect(pool.free).toBe(pool.total);
  });

  it('takes different ports from the system, each really free', async () => {
    const pool = new PortPool('127.0.0.1', { kind: 'system' });
    const { ports } = await pool.reserve(20);
    expect(new Set(ports).size).toBe(20);
    for (const port of ports) expect(await probePort('127.0.0.1', port)).toBe(port);
  });
});
