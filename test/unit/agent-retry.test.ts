import { describe, expect, it, onTestFinished } from 'vitest';
import { SciStreamError } from '../../src/core/errors.js';
import { until } from '../../src/core/until.js';
import { HandClock } from '../support/hand-clock.js';
import { memoryFacility } from '../support/memory-facility.js';

/** A facility whose data server does not answer while `silent` is set, and whose time passes by hand. */
function withSilentAgent() {
  const clock = new HandClock();
  const state = { silent: false, asked: 0 };
  const beforeDataCall = (): Promise<void> => {
    state.asked++;
    return state.silent ? Promise.reject(new SciStreamError('TIMEOUT', 'no answer')) : Promise.resolve();
  };
  return { ...memoryFacility({ beforeDataCall, clock }), clock, state };
}

const targets = ['h.example:1'];

describe('a data server that does not answer in time', () => {
  it('costs the session nothing but time: it ends, nothing fails unseen, and its ports come back later', async () => {
    const { v2, agent, facility, clock, state } = withSilentAgent();
    await v2.createSession({ uid: 'slow', role: 'PROD', targets, lifetime: { nanos: 20_000_000 } });
    state.silent = true;
    clock.pass(20);
    await until('the end of the session', 5_000, () => facility.sessions.size === 0);
    await until('the pause', 5_000, () => clock.armed === 1);
    expect(agent.list()).toHaveLength(1);
    state.silent = false;
    clock.pass(1_000);
    await until('the ports coming back', 5_000, () => agent.list().length === 0);
    expect(agent.ports.free).toBe(agent.ports.total);
    expect(clock.armed).toBe(0);
  });

  it('is not asked for the ports any more when the facility has closed', async () => {
    const { v2, facility, clock, state } = withSilentAgent();
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    const uids = Array.from({ length: 12 }, (_, index) => `session-${index}`);
    for (const uid of uids) await v2.createSession({ uid, role: 'PROD', targets });
    state.silent = true;
    for (const uid of uids) await v2.releaseSession({ uid });
    expect(clock.armed).toBe(12);
    await facility.sessions.drain();
    await until('the end of the attempts', 5_000, () => clock.armed === 0);
    const { asked } = state;
    clock.pass(3_600_000);
    expect(state.asked).toBe(asked);
    expect(warnings).toEqual([]);
  });
});

describe('a data server that is back', () => {
  it('is asked again and again for what it carries, until sessions that it lost are over', async () => {
    const { v2, facility, clock, agent, state, transitions } = withSilentAgent();
    await v2.createSession({ uid: 'lost', role: 'PROD', targets });
    await v2.createSession({ uid: 'carried', role: 'PROD', targets });
    const [lost] = agent.list();
    await agent.release(lost?.id ?? '');
    state.silent = true;
    const done = facility.sessions.reconcile('it has gone');
    for (const pause of [100, 200]) {
      await until('the pause', 5_000, () => clock.armed === 1);
      clock.pass(pause);
    }
    await until('the pause', 5_000, () => clock.armed === 1);
    expect(facility.sessions.size).toBe(2);
    state.silent = false;
    clock.pass(400);
    await done;
    expect(transitions.filter(({ to }) => to === 'failed').map(({ uid }) => uid)).toEqual(['lost']);
    expect((await v2.listSessions({})).sessions.map(({ uid }) => uid)).toEqual(['carried']);
  });

  it.each([
    ['that one is lost as well', 'failEmbedded'],
    ['the facility closes', 'drain'],
  ] as const)('is asked no more when %s', async (_, end) => {
    const { facility, clock, state } = withSilentAgent();
    state.silent = true;
    const done = facility.sessions.reconcile('it has gone');
    await until('the pause', 5_000, () => clock.armed === 1);
    await facility.sessions[end]('it has gone again');
    await done;
    expect([clock.armed, state.asked]).toEqual([0, 1]);
  });
});
