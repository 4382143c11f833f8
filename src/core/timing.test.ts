import { describe, expect, it, vi } from 'vitest';
import { Backoff } from './backoff.js';
import { systemClock } from './clock.js';
import { Deferred, orAborted } from './deferred.js';
import { SciStreamError } from './errors.js';
import { Serial } from './serial.js';
import { until } from './until.js';

describe('timing', () => {
  it('clock: delays longer than a timer can hold do not fire at once', () => {
    vi.useFakeTimers();
    try {
      const fired = vi.fn();
      systemClock.after(40 * 86_400_000, fired);
      vi.advanceTimersByTime(39 * 86_400_000);
      expect(fired).not.toHaveBeenCalled();
      vi.advanceTimersByTime(2 * 86_400_000);
      expect(fired).toHaveBeenCalledOnce();
    } finally {
      vi.useRealTimers();
    }
  });

  it('clock: a disposed timer never fires', () => {
    vi.useFakeTimers();
    try {
      const fired = vi.fn();
      systemClock.after(10, fired)[Symbol.dispose]();
      vi.advanceTimersByTime(100);
      expect(fired).not.toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });

  it('backoff doubles up to its longest delay and starts over after success', () => {
    const backoff = new Backoff(100, 350);
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([100, 200, 350, 350]);
    backoff.reset();
    expect(backoff.next()).toBe(100);
  });

  it('until answers as soon as the condition holds, and names what did not happen', async () => {
    let asked = 0;
    expect(await until('three', 1_000, () => (++asked === 3 ? 'here' : undefined))).toBe('here');
    await expect(until('the impossible', 20, () => false)).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('the impossible') as string,
    });
  });

  it('until stops with its signal', async () => {
    const stop = new AbortController();
    const waiting = until('never', 60_000, () => false, stop.signal);
    stop.abort(new SciStreamError('CANCELED', 'enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  it('orAborted takes its listener off again', async () => {
    const stop = new AbortController();
    const removed = vi.spyOn(stop.signal, 'removeEventListener');
    const deferred = new Deferred<number>();
    const waiting = orAborted(deferred.promise, stop.signal);
    deferred.resolve(7);
    expect(await waiting).toBe(7);
    expect(removed).toHaveBeenCalledOnce();
  });

  it('serial runs in order and goes on after a failure', async () => {
    const serial = new Serial();
    const gate = new Deferred<void>();
    const done: number[] = [];
    const first = serial.run(async () => {
      await gate.promise;
      done.push(1);
      throw new Error('first');
    });
    const second = serial.run(() => Promise.resolve(done.push(2)));
    gate.resolve();
    await expect(first).rejects.toThrow('first');
    await second;
    expect(done).toEqual([1, 2]);
  });
});
