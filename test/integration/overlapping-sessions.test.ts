import { describe, expect, it } from 'vitest';
import { Facility } from '../support/facility.js';
import { echo, exchange, saying } from '../support/tcp.js';
import { first, openEnd, requested } from '../support/v1.js';

describe('overlapping sessions', () => {
  it('R1 R2 two requests that wait at the same time each get their own listeners and targets', async () => {
    const facility = await Facility.start();
    const { v1 } = facility.v1();
    const [a, b] = [await saying('a'), await saying('b')];
    const requests = [v1.req({ uid: 'a', role: 'PROD', numConn: 2 }), v1.req({ uid: 'b', role: 'PROD', numConn: 2 })];
    await requested(facility, 'a');
    await requested(facility, 'b');
    await Promise.all([
      v1.hello({ uid: 'b', role: 'PROD', prodListeners: [b.address] }),
      v1.hello({ uid: 'a', role: 'PROD', prodListeners: [a.address] }),
    ]);
    const [forA, forB] = await Promise.all(requests);
    expect(forA?.prodListeners).toEqual([a.address]);
    expect(forB?.prodListeners).toEqual([b.address]);
    // Upstream configured the ports of whichever request came last.
    await v1.update({ uid: 'a', role: 'PROD', remoteListeners: [a.address] });
    await v1.update({ uid: 'b', role: 'PROD', remoteListeners: [b.address] });
    for (const listener of forA?.listeners ?? []) expect(await exchange(listener, '')).toBe('a');
    for (const listener of forB?.listeners ?? []) expect(await exchange(listener, '')).toBe('b');
    expect(new Set([...(forA?.listeners ?? []), ...(forB?.listeners ?? [])]).size).toBe(4);
  });

  it('R1 R3 fifty sessions wait, open and end together, and none sees the listeners of another', async () => {
    const facility = await Facility.start();
    const { v1 } = facility.v1();
    const names = Array.from({ length: 50 }, (_, index) => `session-${index}`);
    const applications = await Promise.all(names.map((name) => saying(name)));
    const requests = names.map((uid) => v1.req({ uid, role: 'PROD', numConn: 2 }));
    await Promise.all(names.map((uid) => requested(facility, uid)));
    // With all fifty waiting, the server still answers everybody else.
    expect((await facility.client().listSessions()).map(({ uid }) => uid).sort()).toEqual([...names].sort());
    await Promise.all(
      names.map((uid, index) => v1.hello({ uid, role: 'PROD', prodListeners: [applications[index]?.address ?? ''] })),
    );
    const responses = await Promise.all(requests);
    await Promise.all(responses.map(({ prodListeners }, index) => update(index, prodListeners)));
    const listeners = responses.flatMap((response) => response.listeners);
    expect(new Set(listeners).size).toBe(100);
    const answers = await Promise.all(listeners.map((listener) => exchange(listener, '')));
    expect(answers).toEqual(names.flatMap((name) => [name, name]));
    await Promise.all(names.map((uid) => v1.release({ uid })));
    await facility.holdsNothing();

    function update(index: number, targets: string[]) {
      return v1.update({ uid: names[index] ?? '', role: 'PROD', remoteListeners: targets });
    }
  });

  it('R2b repeated updates of one session leave one forwarder on the same ports', async () => {
    const facility = await Facility.start();
    const { v1 } = facility.v1();
    const { listeners } = await openEnd(v1, 'again', 'PROD', [(await echo()).address]);
    for (const text of ['x', 'y', 'z']) {
      const target = await saying(text);
      const reply = await v1.update({ uid: 'again', role: 'PROD', remoteListeners: [target.address] });
      expect(reply.listeners).toEqual(listeners);
      expect(await exchange(first(listeners), '')).toBe(text);
    }
    expect((await facility.held()).reservations).toBe(1);
  });

  it('S10 the number of sessions is bounded, and the bound is a coded error', async () => {
    const facility = await Facility.start(['--max-sessions', '2']);
    const { v1 } = facility.v1();
    await openEnd(v1, 'one', 'PROD', ['127.0.0.1:7000']);
    await openEnd(v1, 'two', 'PROD', ['127.0.0.1:7000']);
    await expect(v1.req({ uid: 'three', role: 'PROD', numConn: 1 })).rejects.toMatchObject({ code: 'NO_RESOURCE' });
    await v1.release({ uid: 'one' });
    await openEnd(v1, 'three', 'PROD', ['127.0.0.1:7000']);
  });
});
