import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { isRunning } from '../../src/platform/child.js';
import { isServed } from '../../src/platform/state-dir.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { start } from '../support/program.js';
import { accepts, connect, echo, exchange, freePortRange, saying } from '../support/tcp.js';
import { first, requested } from '../support/v1.js';

describe('crashes', () => {
  it('R12 a killed control server leaves its streams flowing, and the next one knows and ends them', async () => {
    const stateDir = await temporaryDir();
    const args = ['--port-range', await freePortRange(5)];
    const before = await Facility.start(args, stateDir);
    const application = await echo();
    const wanted = { uid: 'survivor', role: 'PROD', targets: [application.address], numConn: 2 } as const;
    const { listeners, created, expires } = await before
      .client()
      .createSession({ ...wanted, lifetimeMs: 3_600_000, labels: { run: '7' } });
    const open = await connect(first(listeners));
    const { pid } = await before.agent().info({});
    // A request that waits for its application dies with the server that made it wait.
    void before
      .v1()
      .v1.req({ uid: 'waiting', role: 'PROD', numConn: 2 })
      .catch(() => undefined);
    await requested(before, 'waiting');

    await before.program.kill('SIGKILL');
    expect(await exchange(first(listeners), 'nobody in control')).toBe('nobody in control');

    const after = await Facility.start(args, stateDir);
    expect((await after.agent().info({})).pid).toBe(pid);
    expect(await after.client().listSessions()).toHaveLength(1);
    const found = await after.client().getSession('survivor');
    expect(found).toMatchObject({
      state: 'active',
      listeners,
      targets: [application.address],
      labels: { run: '7' },
      created,
      expires,
    });
    expect(found.traffic.openConnections).toBe(1n);
    open.write('same connection');
    const [reply] = await new Promise<[Buffer]>((resolve) =>
      open.once('data', (data: Buffer) => {
        resolve([data]);
      }),
    );
    expect(reply.toString()).toBe('same connection');
    await after.client().updateSession('survivor', { targets: [(await saying('moved')).address] });
    expect(await exchange(first(listeners), '')).toBe('moved');
    await after.client().releaseSession('survivor');
    await after.holdsNothing();
  });

  it('R29 the death of a data server ends its sessions, and a new one takes its place', async () => {
    const facility = await Facility.start();
    const client = facility.client();
    const application = await echo();
    const { listeners } = await client.createSession({ uid: 'doomed', role: 'PROD', targets: [application.address] });
    const { pid } = await facility.agent().info({});
    process.kill(pid, 'SIGKILL');
    await until(
      'the session being ended',
      5_000,
      async () => (await client.listSessions().catch(() => [1])).length === 0,
    );
    expect(await accepts(first(listeners))).toBe(false);
    await expect(client.getSession('doomed')).rejects.toMatchObject({ code: 'INVALID_UID' });
    const again = await until('a new data server', 10_000, () =>
      client.createSession({ uid: 'doomed', role: 'PROD', targets: [application.address] }).catch(() => undefined),
    );
    expect(await exchange(first(again.listeners), 'back')).toBe('back');
    expect((await facility.agent().info({})).pid).not.toBe(pid);
  });

  it('does not take over a data server with other settings while that one carries streams', async () => {
    const stateDir = await temporaryDir();
    const range = await freePortRange(3);
    const before = await Facility.start(['--port-range', range], stateDir);
    const { listeners } = await before
      .client()
      .createSession({ uid: 'kept', role: 'PROD', targets: [(await echo()).address] });
    await before.program.kill('SIGKILL');
    await expect(Facility.start(['--port-range', '0'], stateDir)).rejects.toThrow(
      /other settings .* one session .*--port-range is .* there, 0 here/s,
    );
    expect(await exchange(first(listeners), 'kept')).toBe('kept');
    await Facility.start(['--port-range', range], stateDir);
  });

  it('ends an idle data server with other settings and starts its own', async () => {
    const stateDir = await temporaryDir();
    const before = await Facility.start([], stateDir);
    const { pid } = await before.agent().info({});
    await before.program.kill('SIGKILL');
    const range = await freePortRange(3);
    const after = await Facility.start(['--port-range', range], stateDir);
    expect(isRunning(pid)).toBe(false);
    expect((await after.client().getFacility()).portRange).toBe(range);
  });

  it('R12 ends waiting calls with UNAVAILABLE and closes streams when it is told to stop', async () => {
    const facility = await Facility.start();
    const application = await echo();
    const { listeners } = await facility.client().createSession({ role: 'PROD', targets: [application.address] });
    const refused = expect(facility.v1().v1.req({ uid: 'waiting', role: 'PROD', numConn: 1 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    await requested(facility, 'waiting');
    await facility.leavesNothing();
    await refused;
    expect(await accepts(first(listeners))).toBe(false);
    expect(facility.program.stdout).not.toMatch(/debug/i);
  });

  it('R12 stops cleanly when its data server is told to stop at the same moment, as service managers do', async () => {
    const facility = await Facility.start();
    await facility.client().createSession({ role: 'PROD', targets: ['127.0.0.1:7000'] });
    const { pid } = await facility.agent().info({});
    process.kill(pid, 'SIGTERM');
    const { code, stderr } = await facility.program.kill('SIGTERM');
    expect(code, stderr).toBe(0);
    await until('the data server being gone', 5_000, () => !isRunning(pid));
  });

  it('R12 stops cleanly, and leaves no new data server, right after its data server has died', async () => {
    const facility = await Facility.start();
    const { pid } = await facility.agent().info({});
    process.kill(pid, 'SIGKILL');
    await facility.program.shows(/the data server has gone/, 'stderr');
    const { code, stderr } = await facility.program.kill('SIGTERM');
    expect(code, stderr).toBe(0);
    expect(await isServed(path.join(facility.stateDir, 's2ds.sock'))).toBe(false);
  });

  it('uses a data server that was started by hand and leaves it running', async () => {
    const stateDir = await temporaryDir();
    const socket = path.join(stateDir, 's2ds.sock');
    const agent = start('s2ds', ['--socket', socket, '--port-range', '0']);
    await agent.shows(/"msg":"ready"/, 'stderr');
    const facility = await Facility.start([], stateDir);
    await facility.client().createSession({ role: 'PROD', targets: ['127.0.0.1:7000'] });
    const { code, stderr } = await facility.program.kill('SIGTERM');
    expect(code, stderr).toBe(0);
    expect(agent.running).toBe(true);
    expect((await agent.kill('SIGTERM')).code).toBe(0);
  });

  it('starts after a crash that left its socket files behind', async () => {
    const stateDir = await temporaryDir();
    const before = await Facility.start([], stateDir);
    const { pid } = await before.agent().info({});
    await before.program.kill('SIGKILL');
    process.kill(pid, 'SIGKILL');
    await until('the data server being gone', 5_000, () => !isRunning(pid));
    const after = await Facility.start([], stateDir);
    expect((await after.held()).reservations).toBe(0);
  });
});
