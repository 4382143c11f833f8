import { describe, expect, it } from 'vitest';
import { TrafficFeed } from '../../src/control/traffic.js';
import { WatchQueue } from '../../src/control/watch.js';
import type { Clock } from '../../src/core/clock.js';
import { SciStreamError } from '../../src/core/errors.js';
import { until } from '../../src/core/until.js';
import { pino } from 'pino';
import type { Counters } from '../../src/gen/scistream/data/v1/data_pb.js';
import { memoryFacility } from '../support/memory-facility.js';

const never = new AbortController().signal;

describe('the queue of a slow watcher', () => {
  it('holds a session once and the newest traffic, however much has happened', async () => {
    const { v2, facility } = memoryFacility();
    await v2.createSession({ uid: 'busy', role: 'PROD', targets: ['h:1'] });
    const session = facility.sessions.find('busy', { name: 'anonymous' });
    const queue = new WatchQueue(1);
    for (let change = 1; change <= 1000; change++) {
      queue.changed(session);
      queue.traffic({ [String(change)]: counted() });
    }
    expect(await queue.next(never)).toEqual({ kind: 'session', session });
    expect(await queue.next(never)).toMatchObject({ kind: 'traffic', counters: { '1000': counted() } });
    await expect(queue.next(AbortSignal.timeout(20))).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('is cut when more sessions have come and gone than can live, with what to do', async () => {
    const { v2, facility } = memoryFacility();
    const queue = new WatchQueue(3);
    const observer = {
      changed: queue.changed.bind(queue),
      closed: queue.close.bind(queue),
    };
    facility.sessions.observers.add(observer);
    for (let run = 0; run < 10; run++) {
      await v2.createSession({ uid: `run-${run}`, role: 'PROD', targets: ['h:1'] });
      await v2.releaseSession({ uid: `run-${run}` });
    }
    await expect(queue.next(never)).rejects.toMatchObject({
      code: 'NO_RESOURCE',
      message: expect.stringMatching(/3 changes waited .* watch again/) as string,
    });
  });

  it('tells what waits before it tells why it was closed', async () => {
    const queue = new WatchQueue(1);
    queue.traffic({ a: counted() });
    queue.close(new SciStreamError('UNAVAILABLE', 'stopping'));
    expect((await queue.next(never)).kind).toBe('traffic');
    await expect(queue.next(never)).rejects.toThrow('stopping');
  });
});

describe('the traffic feed', () => {
  it('opens its watch again, ever more patiently, while somebody listens, and lets go when nobody does', async () => {
    const delays: number[] = [];
    const pending = new Set<() => void>();
    const clock: Clock = {
      now: () => 0,
      after: (ms, action) => {
        delays.push(ms);
        pending.add(action);
        return { [Symbol.dispose]: () => void pending.delete(action) };
      },
    };
    let opened = 0;
    async function* watch(): AsyncGenerator<Record<string, Counters>> {
      opened++;
      await Promise.resolve();
      if (opened < 4) throw new Error('the agent is away');
      yield { back: counted() };
    }
    const feed = new TrafficFeed({ gateway: { watch }, clock, logger: pino({ level: 'silent' }) });
    const heard: string[] = [];
    const listening = feed.subscribe((counters) => void heard.push(...Object.keys(counters)));
    for (let attempt = 1; attempt <= 4; attempt++) {
      await until(`attempt ${attempt}`, 5_000, () => delays.length === attempt);
      if (attempt < 4) for (const action of pending) if (pending.delete(action)) action();
    }
    expect([opened, heard, delays]).toEqual([4, ['back'], [100, 200, 400, 100]]);
    listening[Symbol.dispose]();
    for (const action of pending) action();
    expect(opened).toBe(4);
  });
});

function counted(): Counters {
  return { $typeName: 'scistream.data.v1.Counters', bytesIn: 1n };
}
