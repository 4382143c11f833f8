import { describe, expect, it } from 'vitest';
import { HandClock } from '../../test/support/hand-clock.js';
import { Backoff } from './backoff.js';
import { Deferred } from './deferred.js';
import { keepTrying, Retries, type RetryOptions } from './retry.js';
import { until } from './until.js';

/** Work that fails so often, and what is heard of it. */
function failing(times: number) {
  const clock = new HandClock();
  const stop = new AbortController();
  const heard: unknown[] = [];
  let attempts = 0;
  const options: RetryOptions = {
    ...{ clock, backoff: new Backoff(100, 150), signal: stop.signal },
    onFailure: (error) => heard.push(error),
  };
  const work = (): Promise<void> =>
    ++attempts > times ? Promise.resolve() : Promise.reject(new Error(`attempt ${attempts}`));
  return { clock, stop, heard, options, work, attempts: () => attempts };
}

describe('work that is tried until it succeeds', () => {
  it('is done at once, and once only when that succeeds', async () => {
    const { options, work, attempts, heard, clock } = failing(0);
    await keepTrying(work, options);
    expect([attempts(), heard, clock.armed]).toEqual([1, [], 0]);
  });

  it('waits ever longer between its attempts and tells of every failure', async () => {
    const { options, work, attempts, heard, clock } = failing(3);
    const done = keepTrying(work, options);
    for (const pause of [100, 150, 150]) {
      await until('the pause', 5_000, () => clock.armed === 1);
      const before = attempts();
      clock.pass(pause - 1);
      expect([clock.armed, attempts()]).toEqual([1, before]);
      clock.pass(1);
      await until('the next attempt', 5_000, () => attempts() === before + 1);
    }
    await done;
    expect(heard.map(String)).toEqual(['Error: attempt 1', 'Error: attempt 2', 'Error: attempt 3']);
  });

  it('is given up when it is told to, and leaves no timer', async () => {
    const { options, work, attempts, clock, stop } = failing(Infinity);
    const done = keepTrying(work, options);
    await until('the pause', 5_000, () => clock.armed === 1);
    stop.abort();
    await done;
    expect([attempts(), clock.armed]).toEqual([1, 0]);
  });

  it('is not tried again when the abort comes during an attempt', async () => {
    const { options, clock, stop, heard } = failing(0);
    const attempt = new Deferred<void>();
    const done = keepTrying(() => attempt.promise, options);
    stop.abort();
    attempt.reject(new Error('too late'));
    await done;
    expect([heard.map(String), clock.armed]).toEqual([['Error: too late'], 0]);
  });
});

describe('retries', () => {
  it('go on in the background after the first attempt, until it works', async () => {
    const { clock, work, options, attempts } = failing(2);
    await using retries = new Retries(clock);
    await retries.attempt(work, options.onFailure);
    expect(attempts()).toBe(1);
    for (const pause of [1_000, 2_000]) {
      await until('the pause', 5_000, () => clock.armed === 1);
      clock.pass(pause);
      await until('the end of the pause', 5_000, () => clock.armed === 0 || attempts() > 2);
    }
    await until('the attempt that works', 5_000, () => attempts() === 3);
    expect(clock.armed).toBe(0);
  });

  it('begin none after their end, and wait for the one under way', async () => {
    const { clock } = failing(0);
    const retries = new Retries(clock);
    const attempt = new Deferred<void>();
    let ended = false;
    void retries.attempt(
      () => attempt.promise,
      () => undefined,
    );
    const end = retries[Symbol.asyncDispose]().then(() => (ended = true));
    await new Promise(setImmediate);
    expect(ended).toBe(false);
    attempt.reject(new Error('too late'));
    await end;
    expect(clock.armed).toBe(0);
  });
});
