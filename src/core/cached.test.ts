import { describe, expect, it } from 'vitest';
import { HandClock } from '../../test/support/hand-clock.js';
import { Cached } from './cached.js';
import { Deferred } from './deferred.js';

describe('a value that is costly to find out', () => {
  it('is asked for once by all who want it at the same time', async () => {
    const found = new Deferred<string>();
    let asked = 0;
    const find = (): Promise<string> => {
      asked++;
      return found.promise;
    };
    const cached = new Cached(find, () => 1_000, new HandClock());
    const answers = [cached.get(), cached.get(), cached.get()];
    found.resolve('here');
    expect(await Promise.all(answers)).toEqual(['here', 'here', 'here']);
    expect(asked).toBe(1);
  });

  it('is kept for as long as it says, from the moment it was found', async () => {
    const clock = new HandClock();
    let asked = 0;
    const cached = new Cached(
      () => Promise.resolve(++asked),
      (value) => 1_000 * value,
      clock,
    );
    expect(await cached.get()).toBe(1);
    clock.pass(999);
    expect(await cached.get()).toBe(1);
    clock.pass(1);
    expect(await cached.get()).toBe(2);
    clock.pass(1_999);
    expect(await cached.get()).toBe(2);
    clock.pass(1);
    expect(await cached.get()).toBe(3);
  });

  it('is asked for again after a failure, which all who waited for it see', async () => {
    const clock = new HandClock();
    const failing = new Deferred<string>();
    const answers = [failing.promise, Promise.resolve('now')];
    const cached = new Cached(
      () => answers.shift() ?? Promise.resolve('later'),
      () => 1_000,
      clock,
    );
    const outcomes = Promise.allSettled([cached.get(), cached.get()]);
    failing.reject(new Error('no answer'));
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await cached.get()).toBe('now');
    expect(clock.armed).toBe(1);
  });
});
