import { describe, expect, it } from 'vitest';
import { parseEndpoints } from '../core/endpoint.js';
import { Deferred } from '../core/deferred.js';
import { embedded } from './runners/embedded.js';
import { Reservation } from './reservation.js';
import { mock } from './engines/mock/engine.js';
import type { Forwarder, Targets } from './engines/engine.js';

const [first, second] = [[parseEndpoints(['10.0.0.1:1'])], [parseEndpoints(['10.0.0.2:2'])]];

/** A forwarder that refuses what it is told to, and the reservation that has it. */
function make({ targets = [] as readonly Targets[] } = {}) {
  const state: { targets: readonly Targets[]; maxRate: number; refuses: 'update' | 'limit' | undefined } = {
    ...{ targets: [], maxRate: 5, refuses: undefined },
  };
  const forwarder: Forwarder = {
    update: (wanted) => {
      if (state.refuses === 'update') return Promise.reject(new Error('no such target'));
      state.targets = wanted;
      return Promise.resolve();
    },
    limit: (wanted) => {
      if (state.refuses === 'limit') return Promise.reject(new Error('no such rate'));
      state.maxRate = wanted;
      return Promise.resolve();
    },
    counters: () => ({}),
    connections: () => [],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  let freed = 0;
  const released = new AbortController();
  const check = (): ReturnType<typeof embedded.check> => embedded.check();
  const reservation = new Reservation({
    ...{ id: 'r', role: 'PROD', protection: { kind: 'none' }, transport: 'tcp', maxRate: 5, targets, annotations: {} },
    type: { name: 'mock', aliases: [], engine: 'mock', runner: 'embedded', engineKind: mock, check },
    listeners: [{ host: '127.0.0.1', port: 1 }],
    ...{ forwarder, released },
    free: () => {
      freed++;
      return Promise.resolve();
    },
  });
  return { state, reservation, released, freed: () => freed };
}

describe('a reservation', () => {
  it('takes all of a change or nothing of it', async () => {
    const { state, reservation } = make();
    await reservation.update({ targets: first, maxRate: 10, annotations: { a: '1' } });
    for (const refuses of ['update', 'limit'] as const) {
      state.refuses = refuses;
      const change = { targets: second, maxRate: 20, annotations: { a: '2' } };
      await expect(reservation.update(change)).rejects.toThrow(/no such/);
      expect(state).toMatchObject({ targets: first, maxRate: 10 });
      expect(reservation.record()).toMatchObject({ targets: first, maxRate: 10, annotations: { a: '1' } });
    }
  });

  it('resumes with what it was made with, unless it was given something else meanwhile', async () => {
    const restored = make({ targets: first });
    restored.state.refuses = 'update';
    await expect(restored.reservation.resume()).rejects.toThrow('no such target');
    restored.state.refuses = undefined;
    await restored.reservation.resume();
    expect(restored.state.targets).toEqual(first);

    const changed = make({ targets: first });
    await changed.reservation.update({ targets: second, maxRate: undefined, annotations: {} });
    await changed.reservation.resume();
    expect(changed.state.targets).toEqual(second);
  });

  it('tells what is under way of its release, is freed once, and then takes nothing', async () => {
    const { reservation, released, freed, state } = make({ targets: first });
    const hold = new Deferred<void>();
    const underWay = reservation.unlessReleased(() => hold.promise);
    const ends = [reservation[Symbol.asyncDispose](), reservation[Symbol.asyncDispose]()];
    expect([released.signal.aborted, freed()]).toEqual([true, 0]);
    hold.resolve();
    await Promise.all([underWay, ...ends]);
    expect(freed()).toBe(1);
    await reservation.resume();
    expect(state.targets).toEqual([]);
    await expect(reservation.update({ targets: second, maxRate: 1, annotations: {} })).rejects.toMatchObject({
      code: 'INVALID_UID',
    });
  });
});
