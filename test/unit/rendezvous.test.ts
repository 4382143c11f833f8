import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { HandClock } from '../support/hand-clock.js';
import { memoryFacility } from '../support/memory-facility.js';

describe('a Hello without a request', () => {
  it('waits for as long as the clock of its facility says, however long that is', async () => {
    const clock = new HandClock();
    const { v1 } = memoryFacility({ clock, setupTimeoutMs: 30 * 86_400_000 });
    const hello = v1.hello({ uid: 'x', role: 'PROD', prodListeners: ['h.example:1'] });
    const outcome = expect(hello).rejects.toThrow(/No request for uid x came within 2592000 s\./);
    await until('the Hello', 5_000, () => clock.armed === 1);
    clock.pass(30 * 86_400_000);
    await outcome;
    expect(clock.armed).toBe(0);
  });

  it('leaves no timer behind when its request comes or its caller goes', async () => {
    const clock = new HandClock();
    const { v1, v2 } = memoryFacility({ clock });
    const stop = new AbortController();
    const application = { role: 'CONS', prodListeners: [] };
    const met = v1.hello({ uid: 'x', ...application });
    const left = v1.hello({ uid: 'y', ...application }, { signal: stop.signal });
    await until('both waiting', 5_000, () => clock.armed === 2);
    await v2.createSession({ uid: 'x', role: 'CONS', targets: ['h.example:1'] });
    expect((await met).listeners).toHaveLength(1);
    stop.abort();
    await expect(left).rejects.toThrow();
    await until('no timers', 5_000, () => clock.armed === 0);
  });
});
