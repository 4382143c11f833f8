import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../src/core/until.js';
import { ControlClient, SciStreamError, type Traffic, type WatchEvent } from '../../src/index.js';
import { Facility } from '../support/facility.js';
import { connect, echo } from '../support/tcp.js';
import { first } from '../support/v1.js';

/** Reads a watch until the test is over. */
function follow(events: AsyncIterable<WatchEvent>): {
  states: string[];
  last: Map<string, Traffic>;
  end: Promise<unknown>;
} {
  const states: string[] = [];
  const last = new Map<string, Traffic>();
  const read = async (): Promise<void> => {
    for await (const event of events) {
      if (event.kind === 'session') states.push(`${event.session.uid} ${event.session.state}`);
      else for (const [uid, traffic] of event.traffic) last.set(uid, traffic);
    }
  };
  return { states, last, end: read().catch((error: unknown) => error) };
}

describe('watching sessions', () => {
  it('shows what flows, and goes on when the data server is started anew', async () => {
    const facility = await Facility.start();
    const client = facility.client();
    const stop = new AbortController();
    const { states, last, end } = follow(client.watchSessions({}, stop.signal));
    const target = (await echo()).address;
    const { listeners } = await client.createSession({ uid: 'one', role: 'PROD', targets: [target] });
    const socket = await connect(first(listeners));
    socket.write('four');
    await until('the traffic being told', 10_000, () => last.get('one')?.bytesIn === 4n);
    process.kill((await facility.agent().info({})).pid, 'SIGKILL');
    await until('the failure being told', 10_000, () => states.at(-1) === 'one failed');
    await until('a new data server', 10_000, () =>
      client.createSession({ uid: 'two', role: 'PROD', targets: [target] }).catch(() => undefined),
    );
    await until('traffic of the new one', 10_000, () => last.get('two')?.openConnections === 0n);
    expect(states).toEqual(expect.arrayContaining(['one active', 'one failed', 'two active']));
    stop.abort(new SciStreamError('CANCELED', 'had enough'));
    expect(await end).toMatchObject({ code: 'CANCELED', message: 'had enough' });
  });

  it('a reader that stops reading ends its watch, and the connection serves on', async () => {
    const facility = await Facility.start();
    const client = facility.client();
    await client.createSession({ uid: 'x', role: 'PROD', targets: ['127.0.0.1:7000'] });
    for (let time = 0; time < 20; time++) {
      for await (const event of client.watchSessions({ uid: 'x' })) {
        expect(event).toMatchObject({ kind: 'session', session: { uid: 'x', state: 'active', transport: 'tcp' } });
        break;
      }
    }
    expect((await client.getSession('x')).state).toBe('active');
  });

  it('tells failures as every call does, also those that come after the first message', async () => {
    const facility = await Facility.start();
    const client = facility.client();
    await expect(client.watchSessions({ uid: 'nobody' }).next()).rejects.toMatchObject({
      code: 'INVALID_UID',
      message: expect.stringContaining('No session nobody here') as string,
    });
    await client.createSession({ uid: 'x', role: 'PROD', targets: ['127.0.0.1:7000'] });
    const { states, end } = follow(client.watchSessions());
    await until('the watch being open', 5_000, () => states.length === 1);
    await facility.leavesNothing();
    expect(await end).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('stopping') as string });
    expect(states).toEqual(['x active', 'x released']);
  });

  it('does not end when the time of an ordinary call is over', async () => {
    const facility = await Facility.start();
    const stop = new AbortController();
    onTestFinished(() => {
      stop.abort();
    });
    using hasty = new ControlClient({ ...facility.server, timeoutMs: 300 });
    const begin = performance.now();
    const times: number[] = [];
    for await (const event of hasty.watchSessions({}, stop.signal)) {
      if (event.kind === 'traffic') times.push(performance.now() - begin);
      if (times.length === 3) break;
    }
    expect(times.at(-1)).toBeGreaterThan(300);
  });
});
