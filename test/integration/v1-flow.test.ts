import { describe, expect, it } from 'vitest';
import { Facility, plainFacilities } from '../support/facility.js';
import { accepts, connect, echo, exchange, freePortRange, readAll, saying } from '../support/tcp.js';
import { first, openEnd, requested, stateOf } from '../support/v1.js';

describe('version 1, as Python clients use it', () => {
  it('carries a stream through both facilities: inbound, outbound, release', async () => {
    const [producer, consumer] = await plainFacilities();
    const application = await echo();
    const inbound = await openEnd(producer.v1().v1, 'flow', 'PROD', [application.address]);
    expect(inbound.prodListeners).toEqual([application.address]);
    const outbound = await openEnd(consumer.v1().v1, 'flow', 'CONS', inbound.listeners);
    expect(outbound.prodListeners).toEqual([]);
    expect(await exchange(first(outbound.listeners), 'through two gateways')).toBe('through two gateways');
    for (const facility of [producer, consumer]) {
      await facility.v1().v1.release({ uid: 'flow' });
      await facility.holdsNothing();
    }
    expect(await accepts(first(inbound.listeners))).toBe(false);
    expect(await accepts(first(outbound.listeners))).toBe(false);
  });

  it('points listener i at target i mod n', async () => {
    const facility = await Facility.start();
    const targets = [(await saying('zero')).address, (await saying('one')).address];
    const { listeners } = await openEnd(facility.v1().v1, 'spread', 'PROD', targets, 5);
    const answers = await Promise.all(listeners.map((listener) => exchange(listener, '')));
    expect(answers).toEqual(['zero', 'one', 'zero', 'one', 'zero']);
  });

  it('R10 lets a Hello come before its request', async () => {
    const facility = await Facility.start();
    const { v1 } = facility.v1();
    const early = v1.hello({ uid: 'early', role: 'PROD', prodListeners: ['127.0.0.1:7000'] });
    const consumer = v1.hello({ uid: 'early', role: 'CONS' });
    const response = await v1.req({ uid: 'early', role: 'PROD', numConn: 2, rate: 0 });
    expect(response.prodListeners).toEqual(['127.0.0.1:7000']);
    expect((await early).listeners).toEqual([]);
    expect((await consumer).listeners).toEqual(response.listeners);
  });

  it('a consumer that asks a waiting producer session for its listeners does not pass for its application', async () => {
    const facility = await Facility.start();
    const { v1 } = facility.v1();
    const request = v1.req({ uid: 'asked', role: 'PROD', numConn: 1, rate: 0 });
    await requested(facility, 'asked');
    const { listeners } = await v1.hello({ uid: 'asked', role: 'CONS' });
    expect(await stateOf(facility, 'asked')).toBe('requested');
    await v1.hello({ uid: 'asked', role: 'PROD', prodListeners: ['127.0.0.1:7000'] });
    expect(await request).toMatchObject({ listeners, prodListeners: ['127.0.0.1:7000'] });
  });

  it('ends a request whose Hello never comes, and a Hello whose request never comes', async () => {
    const facility = await Facility.start(['--hello-timeout', '300ms']);
    const { v1 } = facility.v1();
    const request = v1.req({ uid: 'lonely', role: 'PROD', numConn: 2, rate: 0 });
    const hello = v1.hello({ uid: 'nobody', role: 'CONS' });
    await Promise.all([
      expect(request).rejects.toMatchObject({
        code: 'TIMEOUT',
        message: expect.stringContaining('lonely') as string,
      }),
      expect(hello).rejects.toMatchObject({
        code: 'TIMEOUT',
        message: expect.stringContaining('nobody') as string,
      }),
    ]);
    await facility.holdsNothing();
    expect(await stateOf(facility, 'lonely')).toBeUndefined();
  });

  it('ends a session that never gets its targets', async () => {
    const facility = await Facility.start(['--hello-timeout', '300ms']);
    const { v1 } = facility.v1();
    await Promise.all([
      v1.req({ uid: 'aimless', role: 'CONS', numConn: 1, rate: 0 }),
      v1.hello({ uid: 'aimless', role: 'CONS' }),
    ]);
    await facility.holdsNothing();
    await expect(v1.release({ uid: 'aimless' })).rejects.toMatchObject({ code: 'INVALID_UID' });
  });

  it('R14 a release during req ends the wait and frees that session only', async () => {
    const facility = await Facility.start();
    const { v1 } = facility.v1();
    const other = await openEnd(v1, 'other', 'PROD', [(await echo()).address]);
    const waiting = v1.req({ uid: 'waiting', role: 'PROD', numConn: 3, rate: 0 });
    const refused = expect(waiting).rejects.toMatchObject({
      code: 'CANCELED',
      message: expect.stringContaining('waiting') as string,
    });
    await requested(facility, 'waiting');
    await v1.release({ uid: 'waiting' });
    await refused;
    expect((await facility.held()).reservations).toBe(1);
    expect(await exchange(first(other.listeners), 'untouched')).toBe('untouched');
    // The uid is free for a retry at once.
    await openEnd(v1, 'waiting', 'PROD', [(await echo()).address]);
  });

  it('frees everything when the client goes away during req, by cancel or with its connection', async () => {
    const facility = await Facility.start();
    const stop = new AbortController();
    const canceled = facility.v1().v1.req({ uid: 'canceled', role: 'PROD', numConn: 1 }, { signal: stop.signal });
    const failed = expect(canceled).rejects.toMatchObject({ code: 'CANCELED' });
    const { v1, cut } = facility.v1();
    const lost = expect(v1.req({ uid: 'lost', role: 'PROD', numConn: 1 })).rejects.toThrow();
    await requested(facility, 'canceled');
    await requested(facility, 'lost');
    stop.abort();
    cut();
    await Promise.all([failed, lost]);
    await facility.holdsNothing();
    expect(await facility.client().listSessions()).toEqual([]);
  });

  it('R6 answers NO_RESOURCE when ports run out, and gives them again after a release', async () => {
    const range = await freePortRange(4);
    const facility = await Facility.start(['--port-range', range]);
    const { v1 } = facility.v1();
    const target = (await echo()).address;
    const { listeners } = await openEnd(v1, 'a', 'PROD', [target], 3);
    await expect(v1.req({ uid: 'b', role: 'PROD', numConn: 2 })).rejects.toMatchObject({
      code: 'NO_RESOURCE',
      message: expect.stringContaining(range) as string,
    });
    expect((await facility.held()).portsFree).toBe(1);
    await v1.release({ uid: 'a' });
    const again = await openEnd(v1, 'b', 'PROD', [target], 4);
    expect(again.listeners).toHaveLength(4);
    expect(again.listeners).toEqual(expect.arrayContaining(listeners));
  });

  it('a second Hello of the same application changes nothing, one with other addresses is refused', async () => {
    const facility = await Facility.start();
    const { v1 } = facility.v1();
    await openEnd(v1, 'twice', 'PROD', ['127.0.0.1:7000']);
    await v1.hello({ uid: 'twice', role: 'PROD', prodListeners: ['127.0.0.1:7000'] });
    await expect(v1.hello({ uid: 'twice', role: 'PROD', prodListeners: ['127.0.0.1:7001'] })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
  });

  it('moves new connections to new targets and leaves open ones where they are', async () => {
    const facility = await Facility.start();
    const { v1 } = facility.v1();
    const [before, after] = [await echo(), await saying('after')];
    const { listeners } = await openEnd(v1, 'move', 'PROD', [before.address]);
    const open = await connect(first(listeners));
    open.write('still ');
    await new Promise((resolve) => open.once('readable', resolve));
    const reply = await v1.update({ uid: 'move', role: 'PROD', remoteListeners: [after.address] });
    expect(reply.prodListeners).toEqual([after.address]);
    expect(await exchange(first(listeners), '')).toBe('after');
    open.end('here');
    expect((await readAll(open)).toString()).toBe('still here');
  });
});
