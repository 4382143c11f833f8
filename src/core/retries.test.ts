import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Retries } from './retries.js';

describe('retries', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Work that fails so many times. */
  function failing(times: number) {
    const attempts: number[] = [];
    const failures: unknown[] = [];
    const work = (): Promise<void> => {
      attempts.push(Date.now());
      return attempts.length > times ? Promise.resolve() : Promise.reject(new Error(`failure ${attempts.length}`));
    };
    return { attempts, failures, work, onFailure: (error: unknown) => void failures.push(error) };
  }

  it('leave it at one attempt that works', async () => {
    await using retries = new Retries();
    const { work, onFailure, attempts, failures } = failing(0);
    await retries.attempt(work, onFailure);
    await vi.advanceTimersByTimeAsync(600_000);
    expect([attempts.length, failures]).toEqual([1, []]);
  });

  it('go on in the background with growing pauses until it works', async () => {
    await using retries = new Retries();
    const { work, onFailure, attempts, failures } = failing(8);
    const began = Date.now();
    await retries.attempt(work, onFailure);
    expect(failures).toEqual([new Error('failure 1')]);
    await vi.advanceTimersByTimeAsync(600_000);
    const seconds = attempts.map((at) => (at - began) / 1000);
    expect(seconds).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
    expect(failures).toHaveLength(8);
  });

  it('begin none after their end, and wait for the one under way', async () => {
    const retries = new Retries();
    const { work, onFailure, attempts } = failing(100);
    await retries.attempt(work, onFailure);
    await vi.advanceTimersByTimeAsync(1_000);
    await retries[Symbol.asyncDispose]();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(attempts).toHaveLength(2);
  });
});
