import { describe, expect, it } from 'vitest';
import { Deadline } from './deadline.js';
import { aborted, orAborted, Deferred } from './deferred.js';

describe('a deadline', () => {
  it('comes', async () => {
    using deadline = new Deadline(5);
    await expect(orAborted(new Deferred().promise, deadline.signal)).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(deadline.expired).toBe(true);
  });

  it('comes when another signal does, with its reason', async () => {
    const other = new AbortController();
    using deadline = new Deadline(Infinity, undefined, other.signal);
    other.abort('why');
    await aborted(deadline.signal);
    expect([deadline.signal.reason, deadline.expired]).toEqual(['why', false]);
  });

  it('comes no more once it is disposed', async () => {
    const deadline = new Deadline(1);
    deadline[Symbol.dispose]();
    using later = new Deadline(20);
    await aborted(later.signal);
    expect(deadline.signal.aborted).toBe(false);
  });
});
