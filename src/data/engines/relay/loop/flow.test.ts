import { describe, expect, it } from 'vitest';
import { errno } from '../../../../platform/ffi/constants.js';
import type { Memory } from '../../../../platform/ffi/memory.js';
import { loadNative } from '../../../../platform/ffi/native.js';
import { SocketAddress } from '../../../../platform/ffi/socket-address.js';
import { Budget, newBudget } from './budget.js';
import { ConnectionTable, newConnectionTable } from './connection-table.js';
import { Flow } from './flow.js';
import { Handover, newCrew } from './handover.js';
import type { Leg } from './leg.js';
import { Loop } from './loop.js';

const again = -errno.EAGAIN;

/** A leg without a socket: the test decides what has come and how much the peer takes. */
class HandLeg implements Leg {
  readonly fd = -1;
  readonly raw = false;
  readonly readNeedsWritable = false;
  readonly writeNeedsReadable = false;
  readonly failure = '';
  ended = false;
  arrived = 0;
  room = 0;
  written = 0;
  saidEnd = false;

  handshake(): number {
    return 1;
  }

  read(_into: Memory, _offset: number, length: number): number {
    const n = Math.min(length, this.arrived);
    if (n === 0) return this.ended ? 0 : again;
    this.arrived -= n;
    return n;
  }

  write(_from: Memory, _offset: number, length: number): number {
    const n = Math.min(length, this.room);
    if (n === 0) return again;
    this.room -= n;
    this.written += n;
    return n;
  }

  flush(): void {
    // Holds nothing back.
  }

  endWriting(): number {
    this.saidEnd = true;
    return 0;
  }

  dispose(): void {
    // Has nothing.
  }
}

async function makeLoop(): Promise<Loop> {
  const native = await loadNative(false);
  if (!native) throw new Error('no native functions here');
  const table = new ConnectionTable(newConnectionTable());
  const handover = new Handover(native, 0, newCrew([-1]));
  const sizes = { bufferBytes: 65_536, socketBuffer: 0, idleTimeoutMs: 0 };
  return new Loop({ native, table, handover, ...sizes, onDefect: (reason) => expect.unreachable(reason) });
}

describe.runIf(process.platform === 'linux')('a flow', () => {
  it('misses nothing that comes while it waits for its target', async () => {
    const loop = await makeLoop();
    const [source, target] = [new HandLeg(), new HandLeg()];
    const row = loop.table.open(1, 0, SocketAddress.of({ host: '127.0.0.1', port: 1 }));
    const budget = new Budget(loop, 0, newBudget(0, 1), 0);
    const counters = new Float64Array(16);
    const flow = new Flow({ loop, source, target, row, budget, counters, counter: 0, inward: true });
    source.arrived = 1000;
    target.room = 400;
    flow.pump();
    expect(flow.waiting).toBe('target');
    // Events of the source are not looked at now; what they tell must be found later.
    source.arrived = 5000;
    source.ended = true;
    target.room = 1_000_000;
    flow.pump();
    expect(flow.waiting).toBe('nothing');
    expect(target).toMatchObject({ written: 6000, saidEnd: true });
    flow.dispose();
  });

  it('keeps its share of a rate that many on other loops use too', async () => {
    const loop = await makeLoop();
    const rate = 10_000_000;
    const shared = newBudget(rate, 2);
    const [mine, others] = [new Budget(loop, 0, shared, 0), new Budget(loop, 1, shared, 0)];
    for (let index = 0; index < 60; index++) others.take({ index }, 65_536);
    const user = {};
    let moved = 0;
    const began = performance.now();
    const take = (): void => {
      moved += mine.take(user, 65_536);
      if (performance.now() - began > 1_500) loop.stop();
      else mine.wait(user, { run: take });
    };
    take();
    // The others stay: they wait for turns that never come.
    for (let index = 0; index < 60; index++) others.wait({ index }, { run: () => undefined });
    loop.run();
    expect(moved).toBeGreaterThan(0.3 * ((rate * 1.5) / 61));
  });
});
