import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFinal, transition, type SessionEvent } from '../../src/core/session.js';
import type { SessionTransition } from '../../src/observe/events.js';
import { memoryFacility, type MemoryFacility } from '../support/memory-facility.js';

type Step = { call: 'req' | 'hello' | 'update' | 'release' | 'create' | 'cancel' | 'extend'; uid: 'a' | 'b' | 'c' };

const step: fc.Arbitrary<Step> = fc.record({
  call: fc.constantFrom('req', 'hello', 'update', 'release', 'create', 'cancel', 'extend'),
  uid: fc.constantFrom('a', 'b', 'c'),
});
const events: SessionEvent[] = ['hello', 'forwarding', 'release', 'expire', 'fail'];

describe('sessions under random interleavings', () => {
  it('R1 R2 R14 whatever is called in whatever order, answers do not mix, states follow the machine, and nothing is left', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), fc.scheduler(), async (steps, scheduler) => {
        const beforeDataCall = (): Promise<unknown> => scheduler.schedule(Promise.resolve(), 'data server');
        const memory = memoryFacility({ beforeDataCall });
        const cancels = new Map<string, AbortController>();
        const mixed: string[] = [];
        const calls = steps.map((planned) => perform(memory, planned, cancels, mixed).catch((error: unknown) => error));
        await scheduler.waitFor(Promise.race([Promise.allSettled(calls), settle()]));
        const answers: { uid: string; listeners: readonly string[] }[] = await listed(memory, scheduler);
        expectDistinct(answers.map(({ listeners }) => listeners));

        expect(mixed).toEqual([]);
        await scheduler.waitFor(memory.drain());
        for (const stop of cancels.values()) stop.abort();
        await scheduler.waitFor(Promise.allSettled(calls));
        expect(memory.facility.sessions.size).toBe(0);
        expect(memory.agent.list()).toEqual([]);
        expect(memory.agent.ports.free).toBe(memory.agent.ports.total);
        expectLegal(memory.transitions);
      }),
      { numRuns: 150 },
    );
  });
});

async function perform(
  { v1, v2 }: MemoryFacility,
  { call, uid }: Step,
  cancels: Map<string, AbortController>,
  mixed: string[],
): Promise<unknown> {
  const targets = [`${uid}.example:7000`];
  const stop = new AbortController();
  switch (call) {
    case 'req':
      cancels.set(uid, stop);
      return v1.req({ uid, role: 'PROD', numConn: 2 }, { signal: stop.signal }).then((answer) => {
        // The application is the one that said Hello to this session, not to another one that waited.
        mixed.push(...answer.prodListeners.filter((address) => address !== targets[0]));
      });
    case 'hello':
      cancels.set(`hello ${uid} ${cancels.size}`, stop);
      return v1.hello({ uid, role: 'PROD', prodListeners: targets }, { signal: stop.signal });
    case 'update':
      return v1.update({ uid, role: 'PROD', remoteListeners: targets });
    case 'release':
      return v1.release({ uid });
    case 'create':
      return v2.createSession({ uid, role: 'PROD', targets });
    case 'cancel':
      cancels.get(uid)?.abort();
      return undefined;
    case 'extend':
      return v2.updateSession({ uid, lifetime: { seconds: 60n } });
  }
}

async function listed({ v2 }: MemoryFacility, scheduler: fc.Scheduler) {
  return (await scheduler.waitFor(v2.listSessions({}))).sessions;
}

function expectDistinct(listeners: readonly (readonly string[])[]): void {
  const all = listeners.flat();
  expect(new Set(all).size).toBe(all.length);
}

/** Every recorded step is one the machine knows, and a session's steps form a chain. */
function expectLegal(transitions: readonly SessionTransition[]): void {
  const states = new Map<string, SessionTransition['to']>();
  for (const { uid, from, to } of transitions) {
    const before = states.get(uid);
    if (from === undefined) {
      expect(before === undefined || isFinal(before)).toBe(true);
      expect(to).toBe('requested');
    } else {
      expect(from).toBe(before);
      expect(events.map((event) => transition(from, event))).toContain(to);
    }
    states.set(uid, to);
  }
  for (const state of states.values()) expect(isFinal(state)).toBe(true);
}

/** Long enough for what is under way to come to rest; calls that wait for a Hello go on waiting. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}
