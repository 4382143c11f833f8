import { Code } from '@connectrpc/connect';
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
    return state.silent ? Promise.reject(noAnswer()) : Promise.resolve();
  };
  return { ...memoryFacility({ beforeDataCall, clock }), clock, state };
}

function noAnswer(): SciStreamError {
  return new SciStreamError('TIMEOUT', '/run/s2ds.sock did not answer in time.');
}

const targets = ['h.example:1'];

describe('a data server that does not answer in time', () => {
  it('keeps a session in its end, and its uid taken, until the ports are back', async () => {
    const { v2, agent, facility, clock, state } = withSilentAgent();
    await v2.createSession({ uid: 'slow', role: 'PROD', targets, lifetime: { nanos: 20_000_000 } });
    state.silent = true;
    clock.pass(20);
    await until('the pause', 5_000, () => clock.armed === 1);
    expect(agent.list()).toHaveLength(1);
    expect(facility.sessions.list({ name: 'anonymous' }).map(({ uid, state }) => [uid, state])).toEqual([
      ['slow', 'expired'],
    ]);
    state.silent = false;
    clock.pass(1_000);
    await until('the end of the session', 5_000, () => facility.sessions.size === 0);
    expect(agent.ports.free).toBe(agent.ports.total);
    expect(clock.armed).toBe(0);
  });

  it.each(['v1', 'v2'] as const)('is no success of a release, however often it is asked for: %s', async (version) => {
    const { v1, v2, facility, clock, state } = withSilentAgent();
    await v2.createSession({ uid: 'flowing', role: 'PROD', targets });
    const release = (): Promise<unknown> =>
      version === 'v1' ? v1.release({ uid: 'flowing' }) : v2.releaseSession({ uid: 'flowing' });
    state.silent = true;
    const away = { code: Code.Unavailable, rawMessage: expect.stringMatching(/flowing is ending/) as string };
    await expect(release()).rejects.toMatchObject(away);
    await expect(release()).rejects.toMatchObject(away);
    state.silent = false;
    expect((await v2.listSessions({})).sessions).toMatchObject([{ uid: 'flowing', state: 'released' }]);
    expect((await v2.getSession({ uid: 'flowing' })).session).toMatchObject({ state: 'released' });
    const taken = v2.createSession({ uid: 'flowing', role: 'PROD', targets });
    await expect(taken).rejects.toMatchObject({ code: Code.AlreadyExists });
    await expect(v2.updateSession({ uid: 'flowing', targets })).rejects.toMatchObject({ code: Code.NotFound });
    clock.pass(1_000);
    await until('its end', 5_000, () => facility.sessions.size === 0);
    await expect(release()).rejects.toMatchObject({ code: Code.NotFound });
    await v2.createSession({ uid: 'flowing', role: 'PROD', targets });
  });

  it('does not hide why a session could not be opened', async () => {
    let asked = 0;
    const beforeDataCall = (): Promise<void> => (++asked === 1 ? Promise.resolve() : Promise.reject(noAnswer()));
    const { v2, facility } = memoryFacility({ beforeDataCall });
    const creation = v2.createSession({ uid: 'new', role: 'PROD', targets });
    await expect(creation).rejects.toMatchObject({ rawMessage: expect.stringMatching(/does not answer/) as string });
    expect(facility.sessions.list({ name: 'anonymous' })).toMatchObject([{ uid: 'new', ending: true }]);
  });

  it('shows callers none of our paths, and the operator all', async () => {
    const { v2, state, logged } = withSilentAgent();
    state.silent = true;
    for (const call of [v2.createSession({ role: 'PROD', targets }), v2.listSessions({}), v2.getFacility({})]) {
      await expect(call).rejects.toMatchObject({
        code: Code.Unavailable,
        rawMessage: 'The data server of this facility does not answer; try again.',
      });
    }
    expect(logged.join('')).toContain('/run/s2ds.sock did not answer in time.');
  });

  it('tells what itself has refused', async () => {
    const { v2 } = withSilentAgent();
    const creation = v2.createSession({ role: 'PROD', targets, transport: 'udp', security: 'tls-psk' });
    await expect(creation).rejects.toMatchObject({ rawMessage: expect.stringMatching(/mock|UDP/) as string });
  });

  it('is not asked for the ports any more when the facility has closed, which tells what is left', async () => {
    const { v2, drain, clock, state } = withSilentAgent();
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    const uids = Array.from({ length: 12 }, (_, index) => `session-${index}`);
    for (const uid of uids) await v2.createSession({ uid, role: 'PROD', targets });
    state.silent = true;
    await Promise.allSettled(uids.map((uid) => v2.releaseSession({ uid })));
    expect(clock.armed).toBe(12);
    expect((await drain()).map(({ uid }) => uid)).toEqual(uids);
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

  it('is asked at once for the ports of sessions that have ended meanwhile', async () => {
    const { v2, facility, clock, state } = withSilentAgent();
    await v2.createSession({ uid: 'released', role: 'PROD', targets });
    state.silent = true;
    await expect(v2.releaseSession({ uid: 'released' })).rejects.toThrow();
    state.silent = false;
    await facility.sessions.reconcile('it has gone');
    await until('the end of the session', 5_000, () => facility.sessions.size === 0);
    expect(clock.armed).toBe(0);
  });

  it.each([
    ['that one is lost as well', 'failEmbedded'],
    ['the facility closes', 'drain'],
  ] as const)('is asked no more when %s', async (_, end) => {
    const { facility, drain, clock, state } = withSilentAgent();
    state.silent = true;
    const done = facility.sessions.reconcile('it has gone');
    await until('the pause', 5_000, () => clock.armed === 1);
    await (end === 'drain' ? drain() : facility.sessions.failEmbedded('it has gone again'));
    await done;
    expect([clock.armed, state.asked]).toEqual([0, 1]);
  });
});
