import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Timers } from './timers.js';

function fail(error: unknown): void {
  throw error;
}

describe('the timers of a loop', () => {
  it('run in order of time, whatever the order in which they came, without those that were canceled', () => {
    const times = fc.array(fc.record({ at: fc.integer({ min: 0, max: 50 }), canceled: fc.boolean() }));
    fc.assert(
      fc.property(times, (entries) => {
        const timers = new Timers();
        const ran: number[] = [];
        for (const { at, canceled } of entries) {
          const timer = timers.at(at, () => ran.push(at));
          if (canceled) timer.cancel();
        }
        for (let now = 0; now <= 50; now++) timers.runDue(now, fail);
        const expected = entries.filter(({ canceled }) => !canceled).map(({ at }) => at);
        expect(ran).toEqual(expected.sort((a, b) => a - b));
        expect(timers.timeout(50)).toBe(-1);
      }),
    );
  });

  it('run on when one of them throws', () => {
    const timers = new Timers();
    const seen: unknown[] = [];
    timers.at(1, () => {
      throw new Error('defect');
    });
    timers.at(2, () => seen.push('second'));
    timers.runDue(5, (error) => seen.push(error instanceof Error && error.message));
    expect(seen).toEqual(['defect', 'second']);
  });

  it('tell how long the loop may wait', () => {
    const timers = new Timers();
    const first = timers.at(10.2, () => undefined);
    timers.at(20, () => undefined);
    expect(timers.timeout(5)).toBe(6);
    expect(timers.timeout(30)).toBe(0);
    first.cancel();
    expect(timers.timeout(5)).toBe(15);
  });
});
