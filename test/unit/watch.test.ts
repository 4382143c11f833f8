import { Code, ConnectError } from '@connectrpc/connect';
import { onTestFinished, describe, expect, it } from 'vitest';
import type { Verifier } from '../../src/auth/verifier.js';
import type { WatchSessionsRequest, WatchSessionsResponse } from '../../src/gen/scistream/control/v2/control_pb.js';
import { until } from '../../src/core/until.js';
import { memoryFacility, type MemoryFacility } from '../support/memory-facility.js';

/** Everybody who shows a token is the principal of that name. */
const byName: Verifier = { method: 'test', scope: '', verify: (token) => Promise.resolve({ name: token || 'nobody' }) };
const good = { role: 'PROD', targets: ['h.example:1'] };

function as(name: string): { headers: Record<string, string> } {
  return { headers: { authorization: name } };
}

/** A watch that is read on and on, and what it has told so far. */
class Reading {
  readonly states: string[] = [];
  readonly traffic: string[][] = [];
  readonly end: Promise<ConnectError | undefined>;
  readonly #stop = new AbortController();

  constructor(
    { v2 }: MemoryFacility,
    name: string,
    request: Partial<Pick<WatchSessionsRequest, 'uid' | 'labels'>> = {},
  ) {
    onTestFinished(() => {
      this.#stop.abort();
    });
    const messages = v2.watchSessions(request, { ...as(name), signal: this.#stop.signal, timeoutMs: 0 });
    this.end = this.#read(messages).then(
      () => undefined,
      (error: unknown) => ConnectError.from(error),
    );
  }

  async shows(...states: string[]): Promise<void> {
    await until(`${states.join()} after ${this.states.join()}`, 5_000, () => this.states.length >= states.length);
    expect(this.states).toEqual(states);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.end;
  }

  async #read(messages: AsyncIterable<WatchSessionsResponse>): Promise<void> {
    for await (const { event } of messages) {
      if (event.case === 'session') {
        const { uid, state, maxRate, targets } = event.value;
        this.states.push(`${uid} ${state} ${targets.join()} ${maxRate}`);
      }
      if (event.case === 'traffic') this.traffic.push(Object.keys(event.value.countersByUid).sort());
    }
  }
}

describe('WatchSessions', () => {
  it('tells the sessions there are, then each change with the last, and keeps the owners apart', async () => {
    const memory = memoryFacility({ verifier: byName });
    const { v2 } = memory;
    await v2.createSession({ ...good, uid: 'a1' }, as('alice'));
    await v2.createSession({ ...good, uid: 'b1' }, as('bob'));
    const [alice, bob] = [new Reading(memory, 'alice'), new Reading(memory, 'bob')];
    await alice.shows('a1 active h.example:1 0');
    await bob.shows('b1 active h.example:1 0');
    await v2.updateSession({ uid: 'a1', maxRate: 7n }, as('alice'));
    await alice.shows('a1 active h.example:1 0', 'a1 active h.example:1 7');
    await v2.updateSession({ uid: 'b1', targets: ['h:2'] }, as('bob'));
    await v2.releaseSession({ uid: 'a1' }, as('alice'));
    await alice.shows('a1 active h.example:1 0', 'a1 active h.example:1 7', 'a1 released h.example:1 7');
    await bob.shows('b1 active h.example:1 0', 'b1 active h:2 0');
    await until('traffic of both', 5_000, () => [alice, bob].every(({ traffic }) => traffic.length > 1));
    expect(new Set([...alice.traffic, ...bob.traffic].flat())).toEqual(new Set(['a1', 'b1']));
    expect(alice.traffic.flat()).not.toContain('b1');
    expect(bob.traffic.flat()).not.toContain('a1');
  });

  it('follows version 1 step by step', async () => {
    const memory = memoryFacility();
    const reading = new Reading(memory, '');
    await until('the watch being open', 5_000, () => reading.traffic.length > 0);
    const request = memory.v1.req({ uid: 'old', role: 'PROD', numConn: 1 });
    await until('the request being seen', 5_000, () => reading.states.includes('old requested  0'));
    await memory.v1.hello({ uid: 'old', role: 'PROD', prodListeners: ['h:1'] });
    await request;
    await until('the Hello being seen', 5_000, () => reading.states.includes('old registered  0'));
    await memory.v1.update({ uid: 'old', role: 'PROD', remoteListeners: ['h:1'] });
    await memory.v1.release({ uid: 'old' });
    await until('the end being seen', 5_000, () => reading.states.at(-1) === 'old released h:1 0');
    expect(reading.states).toContain('old active h:1 0');
  });

  it('takes a label, or a uid and ends with that session', async () => {
    const memory = memoryFacility();
    for (const uid of ['x', 'y']) await memory.v2.createSession({ ...good, uid, labels: { job: uid } });
    const [one, labelled] = [new Reading(memory, '', { uid: 'x' }), new Reading(memory, '', { labels: { job: 'y' } })];
    await one.shows('x active h.example:1 0');
    await labelled.shows('y active h.example:1 0');
    await memory.v2.createSession({ ...good, uid: 'later', labels: { job: 'y' } });
    await memory.v2.releaseSession({ uid: 'x' });
    expect(await one.end).toBeUndefined();
    expect(one.states).toEqual(['x active h.example:1 0', 'x released h.example:1 0']);
    await until('the later one', 5_000, () => labelled.states.at(-1) === 'later active h.example:1 0');
    expect(labelled.states.filter((state) => state.startsWith('x'))).toEqual([]);
  });

  it("S5 refuses a uid that nobody has, that is somebody else's or that lacks the label, all alike", async () => {
    const memory = memoryFacility({ verifier: byName });
    await memory.v2.createSession({ ...good, uid: 'hers' }, as('alice'));
    const refusals = [
      new Reading(memory, 'bob', { uid: 'none' }),
      new Reading(memory, 'bob', { uid: 'hers' }),
      new Reading(memory, 'alice', { uid: 'hers', labels: { job: '1' } }),
    ];
    for (const { end } of refusals) {
      const error = await end;
      expect(error?.code).toBe(Code.NotFound);
      expect(error?.rawMessage).toMatch(/^No session (none|hers) here/);
    }
  });

  it('ends with UNAVAILABLE when the server stops, after the last state of every session', async () => {
    const memory = memoryFacility();
    await memory.v2.createSession({ ...good, uid: 'x' });
    const reading = new Reading(memory, '');
    await reading.shows('x active h.example:1 0');
    await memory.drain();
    const error = await reading.end;
    expect([error?.code, error?.rawMessage]).toEqual([Code.Unavailable, expect.stringMatching(/server is stopping/)]);
    await reading.shows('x active h.example:1 0', 'x released h.example:1 0');
    expect((await new Reading(memory, '').end)?.code).toBe(Code.Unavailable);
  });

  it('asks the data server once however many watch, and not at all when nobody does', async () => {
    let open = 0;
    let opened = 0;
    const onDataWatch = (change: number): void => {
      open += change;
      opened += Math.max(change, 0);
    };
    const memory = memoryFacility({ onDataWatch });
    await memory.v2.createSession({ ...good, uid: 'x' });
    expect(open).toBe(0);
    const readings = Array.from({ length: 20 }, () => new Reading(memory, ''));
    await until('traffic for all', 5_000, () => readings.every(({ traffic }) => traffic.length > 0));
    expect([open, opened]).toEqual([1, 1]);
    await Promise.all(readings.map((reading) => reading.stop()));
    await until('nobody watching', 5_000, () => open === 0);
    const again = new Reading(memory, '');
    await until('traffic again', 5_000, () => again.traffic.length > 0);
    expect([open, opened]).toEqual([1, 2]);
  });
});
