import { describe, expect, it } from 'vitest';
import { Deferred } from '../../src/core/deferred.js';
import { until } from '../../src/core/until.js';
import { memoryFacility } from '../support/memory-facility.js';
import { first } from '../support/v1.js';

const wanted = { uid: 'x', role: 'PROD', targets: ['h.example:1'], requestId: 'once' };

/** A facility that holds one call to its data server until it is let go. */
function withHeldCall() {
  const state = { asked: 0, hold: 0, gate: new Deferred<void>() };
  const beforeDataCall = (): Promise<void> => (++state.asked === state.hold ? state.gate.promise : Promise.resolve());
  const memory = memoryFacility({ beforeDataCall });
  return {
    ...memory,
    /** Holds the next call but `skipped`. */
    hold: (skipped: number) => {
      state.hold = state.asked + skipped + 1;
      state.gate = new Deferred<void>();
    },
    held: () => until('the call being held', 5_000, () => state.asked >= state.hold),
    letGo: () => {
      state.gate.resolve();
    },
    uids: async () => (await memory.v2.listSessions({})).sessions.map(({ uid, state: now }) => `${uid} ${now}`),
  };
}

/** A facility whose first call opens a session, but is held while the listeners get their targets, and a repeated one. */
async function withRepeatedCall() {
  const facility = withHeldCall();
  const [stopOne, stopOther] = [new AbortController(), new AbortController()];
  facility.hold(1);
  const one = facility.v2.createSession(wanted, { signal: stopOne.signal });
  await facility.held();
  const other = facility.v2.createSession(wanted, { signal: stopOther.signal });
  // It waits like the first one once a call that came later has been answered.
  await facility.uids();
  return { ...facility, one, other, stopOne, stopOther };
}

/** Long enough for what is under way in this process. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a request_id that comes again', () => {
  it('is answered with a session that stays when the first call is given up meanwhile', async () => {
    const { one, other, stopOne, letGo, uids, agent } = await withRepeatedCall();
    stopOne.abort();
    await expect(one).rejects.toThrow();
    letGo();
    expect((await other).session).toMatchObject({ uid: 'x', state: 'active' });
    await settled();
    expect(await uids()).toEqual(['x active']);
    expect(agent.list()).toHaveLength(1);
  });

  it('leaves the session to the first call when it is given up itself, also when that has been answered', async () => {
    const { v2, one, other, stopOther, letGo, uids, hold, held } = await withRepeatedCall();
    stopOther.abort();
    await expect(other).rejects.toThrow();
    letGo();
    expect((await one).session).toMatchObject({ uid: 'x', state: 'active' });
    hold(0);
    const stop = new AbortController();
    const late = v2.createSession(wanted, { signal: stop.signal });
    await held();
    stop.abort();
    await expect(late).rejects.toThrow();
    letGo();
    await settled();
    expect(await uids()).toEqual(['x active']);
  });

  it.each(['first', 'last'])('ends the session with the last of the calls: the %s is given up first', async (order) => {
    const { one, other, stopOne, stopOther, letGo, facility, agent } = await withRepeatedCall();
    const stops = order === 'first' ? [stopOne, stopOther] : [stopOther, stopOne];
    for (const stop of stops) stop.abort();
    await Promise.all([one, other].map((call) => expect(call).rejects.toThrow()));
    letGo();
    await until('the end of the session', 5_000, () => facility.sessions.size === 0);
    expect(agent.list()).toEqual([]);
  });

  it('opens a session anew while the one before is ending, once that has gone', async () => {
    const { v2, hold, held, letGo, uids, agent, transitions } = withHeldCall();
    await v2.createSession(wanted);
    const [before] = agent.list();
    hold(0);
    const release = v2.releaseSession({ uid: 'x' });
    await held();
    const again = [v2.createSession(wanted), v2.createSession(wanted)];
    await uids();
    letGo();
    await release;
    for (const answer of again) expect((await answer).session).toMatchObject({ uid: 'x', state: 'active' });
    expect(transitions.filter(({ to }) => to === 'requested')).toHaveLength(2);
    expect(first(agent.list()).id).not.toBe(before?.id);
    expect(agent.list()).toHaveLength(1);
  });

  it('is named when it is not in the form that it must have', async () => {
    const { v2 } = withHeldCall();
    await expect(v2.createSession({ ...wanted, requestId: 'a b' })).rejects.toThrow(/request_id "a b" must be 1 to 64/);
  });
});
