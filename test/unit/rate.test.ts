import { describe, expect, it } from 'vitest';
import { fromAnnotations } from '../../src/control/annotations.js';
import { memoryFacility } from '../support/memory-facility.js';
import { first } from '../support/v1.js';

const good = { role: 'PROD', targets: ['h.example:1'] };

describe('R23 the rate of a session', () => {
  it('R23 reaches the data server with its request, by either version', async () => {
    const { v1, v2, agent } = memoryFacility();
    await v2.createSession({ ...good, uid: 'new', maxRate: 1_000_000n });
    const request = v1.req({ uid: 'old', role: 'PROD', numConn: 1, rate: 10_000, maxRate: 2_000_000n });
    await v1.hello({ uid: 'old', role: 'PROD', prodListeners: ['h:1'] });
    await request;
    expect(agent.list().map(({ maxRate }) => maxRate)).toEqual([1_000_000, 2_000_000]);
    const { sessions } = await v2.listSessions({});
    expect(sessions.map(({ maxRate }) => maxRate)).toEqual([1_000_000n, 2_000_000n]);
  });

  it.each([
    [false, 10_000, 0n, 0],
    [true, 10_000, 0n, 10_000_000],
    [true, 10_000, 5n, 5],
    [true, 0, 0n, 0],
  ])(
    'R23 is that of version 1 only where the operator enforces it: %s, %d kB/s, own %d',
    async (enforceV1Rate, rate, maxRate, enforced) => {
      const { v1, agent } = memoryFacility({ enforceV1Rate });
      const request = v1.req({ uid: 'python', role: 'PROD', numConn: 1, rate, maxRate });
      await v1.hello({ uid: 'python', role: 'PROD', prodListeners: ['h:1'] });
      await request;
      expect(first(agent.list()).maxRate).toBe(enforced);
    },
  );

  it('R23 changes while the session lives, alone or with other things, and is what a restarted server finds', async () => {
    const { v2, agent } = memoryFacility();
    await v2.createSession({ ...good, uid: 'live', maxRate: 1000n });
    const stored = () => fromAnnotations(first(agent.list()).annotations)?.progress;
    const slower = await v2.updateSession({ uid: 'live', maxRate: 500n });
    expect(slower.session).toMatchObject({ maxRate: 500n, targets: good.targets });
    expect([first(agent.list()).maxRate, stored()?.maxRate]).toEqual([500, 500]);
    const moved = await v2.updateSession({ uid: 'live', targets: ['h:2'], lifetime: { seconds: 60n } });
    expect(moved.session).toMatchObject({ maxRate: 500n, targets: ['h:2'] });
    expect(stored()).toMatchObject({ maxRate: 500, targets: [{ host: 'h', port: 2 }] });
    expect((await v2.updateSession({ uid: 'live', maxRate: 0n })).session?.maxRate).toBe(0n);
    expect([first(agent.list()).maxRate, stored()?.maxRate]).toEqual([0, 0]);
    await expect(v2.updateSession({ uid: 'live' })).rejects.toThrow(/new targets, a new rate, a new lifetime/);
  });

  it('is read from what the first version has stored', () => {
    const stored =
      '{"uid":"a","role":"PROD","owner":"o","labels":{"job":"1"},"maxRate":7,"requestId":"","created":1,' +
      '"listenerIp":"","targets":["h:1"],"expires":9}';
    expect(fromAnnotations({ 'scistream/session': stored })).toEqual({
      identity: { uid: 'a', role: 'PROD', owner: 'o', labels: { job: '1' }, requestId: '', created: 1, listenerIp: '' },
      progress: { targets: [{ host: 'h', port: 1 }], maxRate: 7, expires: 9 },
    });
  });
});
