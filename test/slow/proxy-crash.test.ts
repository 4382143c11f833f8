import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import type net from 'node:net';
import path from 'node:path';
import Docker from 'dockerode';
import { describe, expect, it } from 'vitest';
import { dockerGateway } from '../../src/cli/runners.js';
import { until } from '../../src/core/until.js';
import { isRunning } from '../../src/platform/child.js';
import { canRunDocker, dockerEngine, engineArguments } from '../support/docker.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { proxyPackages } from '../support/processes.js';
import { run } from '../support/program.js';
import { placesIn, programsIn } from '../support/proxy-programs.js';
import { requirePrograms } from '../support/requires.js';
import { echoesLine, named } from '../support/stage.js';
import { accepts, connect } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { at, fails, session, succeeds, succeedsWithJson } from '../cli/commands.js';

const installed = requirePrograms(...proxyPackages);
const gone = /the data server has gone/;
const again = /the data server runs again/;

/** An inbound session to a target that says its name, opened as a user does. */
async function open(facility: Facility, uid: string): Promise<string> {
  const { address } = await named('1');
  const [host = '', port = ''] = address.split(':');
  const target = ['--remote-ip', host, '--receiver-ports', port];
  const { listeners } = await succeedsWithJson(session, 's2uc', [
    ...['inbound-request', ...at(facility), ...target, '--uid', uid],
  ]);
  return first(listeners);
}

/** A connection and the name of the target that it has reached. */
async function enter(listener: string): Promise<{ socket: net.Socket; name: string }> {
  const socket = await connect(listener);
  const name = await until('the name of a target', 5_000, () => {
    const bytes: unknown = socket.read(1);
    return Buffer.isBuffer(bytes) ? bytes.toString() : undefined;
  });
  return { socket, name };
}

/** Resolves when the connection is over, broken or not. */
async function isOver(socket: net.Socket): Promise<void> {
  socket.resume();
  await until('the end of the connection', 5_000, () => socket.destroyed || socket.readableEnded);
}

/** Kills the data server and answers its process id. */
async function killDataServer(facility: Facility): Promise<number> {
  const { pid } = await facility.agent().info({});
  process.kill(pid, 'SIGKILL');
  await until(`the end of the data server ${pid}`, 5_000, () => !isRunning(pid));
  return pid;
}

/** A data server answers first and ends what nobody knows then. */
async function forgetsPrograms({ stateDir }: Facility): Promise<void> {
  await until('the end of what nobody knows', 10_000, async () => {
    return (await placesIn(stateDir)).length === 0 && (await programsIn(stateDir)).length === 0;
  });
}

async function leftNothing({ stateDir }: Facility): Promise<void> {
  expect(await readdir(path.join(stateDir, 's2ds.d'))).toEqual([]);
  expect(await programsIn(stateDir)).toEqual([]);
}

describe.runIf(installed)('a data server that is killed', () => {
  it('R12 is started again and takes over: the session stays, its connections go on, updates and release work', async () => {
    const facility = await Facility.start(['-t', 'HaproxySubprocess']);
    const listener = await open(facility, 'survivor');
    const { socket } = await enter(listener);
    const programs = await programsIn(facility.stateDir);
    expect(programs).toHaveLength(1);
    const pid = await killDataServer(facility);
    expect(await echoesLine(socket, 'without a data server')).toBe(true);
    await facility.program.shows(again, 'stderr');
    expect((await facility.agent().info({})).pid).not.toBe(pid);
    const show = () => succeedsWithJson(session, 's2uc', ['show', 'survivor', ...at(facility)]);
    expect(await show()).toMatchObject({ state: 'active', listeners: [listener] });
    expect(await programsIn(facility.stateDir)).toEqual(programs);

    const { address: moved } = await named('2');
    await succeeds('s2uc', ['update', 'survivor', ...at(facility), '--targets', moved]);
    expect((await enter(listener)).name).toBe('2');
    expect(await echoesLine(socket, 'after the update')).toBe(true);
    expect(await show()).toMatchObject({ state: 'active', targets: [moved] });
    await succeeds('s2uc', ['release', 'survivor', ...at(facility)]);
    expect(await accepts(listener)).toBe(false);
    await leftNothing(facility);
    await facility.holdsNothing();
  });

  it('R12 serves or puts off who asks meanwhile, and forgets no session', async () => {
    const facility = await Facility.start(['-t', 'HaproxySubprocess']);
    await open(facility, 'asked');
    const { address: moved } = await named('2');
    await killDataServer(facility);
    const outcomes = await Promise.all([
      run('s2uc', ['show', 'asked', ...at(facility)]),
      run('s2uc', ['update', 'asked', ...at(facility), '--targets', moved]),
      run('s2uc', ['list', ...at(facility)]),
    ]);
    for (const { code, stderr } of outcomes) {
      expect([0, 8, 13], stderr).toContain(code);
      expect(stderr).not.toMatch(/^\s+at /m);
    }
    await facility.program.shows(again, 'stderr');
    const found = await succeedsWithJson(session, 's2uc', ['show', 'asked', ...at(facility)]);
    expect(found.state).toBe('active');
  });

  it('R13 keeps no session from being released meanwhile: its program ends with it', async () => {
    const facility = await Facility.start(['-t', 'HaproxySubprocess']);
    const listener = await open(facility, 'released');
    await killDataServer(facility);
    await run('s2uc', ['release', 'released', ...at(facility)]);
    await facility.program.shows(again, 'stderr');
    await facility.holdsNothing();
    await forgetsPrograms(facility);
    expect(await accepts(listener)).toBe(false);
    await fails('s2uc', ['show', 'released', ...at(facility)], { code: 5, says: /No session released here/ });
    await leftNothing(facility);
  });

  it('R29 takes the sessions of the relay with it, as they lived in it', async () => {
    const facility = await Facility.start(['-t', 'relay']);
    const listener = await open(facility, 'doomed');
    const { socket } = await enter(listener);
    await killDataServer(facility);
    await isOver(socket);
    await facility.program.shows(again, 'stderr');
    await fails('s2uc', ['show', 'doomed', ...at(facility)], { code: 5, says: /No session doomed here/ });
    const told = facility.program.stderr.split('\n').filter((line) => line.includes('"uid":"doomed"'));
    expect(told.at(-1)).toContain('"to":"failed"');
    expect(await open(facility, 'doomed')).toMatch(/:\d+$/);
  });
});

describe.runIf(installed)('a facility whose two servers are killed', () => {
  it.each(['HaproxySubprocess', 'NginxSubprocess'])(
    'R12 finds its session again when it is started, and its stream still flows: %s',
    async (type) => {
      const stateDir = await temporaryDir();
      const before = await Facility.start(['-t', type], stateDir);
      const listener = await open(before, 'found');
      const { socket } = await enter(listener);
      await before.program.kill('SIGKILL');
      await killDataServer(before);
      expect(await echoesLine(socket, 'nobody in control')).toBe(true);

      const after = await Facility.start(['-t', type], stateDir);
      const found = await succeedsWithJson(session, 's2uc', ['show', 'found', ...at(after)]);
      expect(found).toMatchObject({ state: 'active', listeners: [listener] });
      expect(await echoesLine(socket, 'another one in control')).toBe(true);
      expect((await enter(listener)).name).toBe('1');
      const { address: moved } = await named('2');
      await succeeds('s2uc', ['update', 'found', ...at(after), '--targets', moved]);
      expect((await enter(listener)).name).toBe('2');
      await succeeds('s2uc', ['release', 'found', ...at(after)]);
      await leftNothing(after);
    },
  );

  it('R12 finds it also when it is started with another type, which new sessions get', async () => {
    const stateDir = await temporaryDir();
    const before = await Facility.start(['-t', 'HaproxySubprocess'], stateDir);
    const listener = await open(before, 'old');
    const { socket } = await enter(listener);
    await before.program.kill('SIGKILL');
    await killDataServer(before);
    const after = await Facility.start(['-t', 'relay'], stateDir);
    expect(await echoesLine(socket, 'as before')).toBe(true);
    const newer = await open(after, 'new');
    expect((await enter(newer)).name).toBe('1');
    const { reservations } = await after.agent().list({});
    expect(reservations.map(({ type }) => type).sort()).toEqual(['haproxy-process', 'relay']);
    await killDataServer(after);
    await after.program.shows(again, 'stderr');
    expect(await echoesLine(socket, 'and after another crash')).toBe(true);
    expect((await succeedsWithJson(session, 's2uc', ['show', 'old', ...at(after)])).state).toBe('active');
    await fails('s2uc', ['show', 'new', ...at(after)], { code: 5, says: /No session new here/ });
    await succeeds('s2uc', ['release', 'old', ...at(after)]);
    await leftNothing(after);
  });

  it('R12 ends a program that nobody knows any more', async () => {
    const stateDir = await temporaryDir();
    const before = await Facility.start(['-t', 'HaproxySubprocess'], stateDir);
    const listener = await open(before, 'forgotten');
    const [place = ''] = await placesIn(stateDir);
    await before.program.kill('SIGKILL');
    await killDataServer(before);
    await rm(`${place}.json`);
    expect(await accepts(listener)).toBe(true);
    const after = await Facility.start(['-t', 'HaproxySubprocess'], stateDir);
    expect(await after.client().listSessions()).toEqual([]);
    await forgetsPrograms(after);
    expect(await accepts(listener)).toBe(false);
    await leftNothing(after);
  });
});

describe.runIf(installed)('a facility that is told to stop', () => {
  it.each(['HaproxySubprocess', 'NginxSubprocess'])(
    'R12 R13 ends its programs and leaves no file of them: %s',
    async (type) => {
      const facility = await Facility.start(['-t', type]);
      const listeners = [await open(facility, 'one'), await open(facility, 'two')];
      const { socket } = await enter(first(listeners));
      expect(await placesIn(facility.stateDir)).toHaveLength(2);
      const { code, stderr } = await facility.program.kill('SIGTERM');
      expect(code, stderr).toBe(0);
      await isOver(socket);
      expect(await Promise.all(listeners.map(accepts))).toEqual([false, false]);
      await leftNothing(facility);
    },
  );

  it('R12 R13 ends them also when its data server has just been killed', async () => {
    const facility = await Facility.start(['-t', 'HaproxySubprocess']);
    const listener = await open(facility, 'one');
    await killDataServer(facility);
    await facility.program.shows(gone, 'stderr');
    const { code, stderr } = await facility.program.kill('SIGTERM');
    expect(code, stderr).toBe(0);
    expect(await accepts(listener)).toBe(false);
    await leftNothing(facility);
  });

  it.runIf(canRunDocker())(
    'a container is found by the uid of its session, also one of the next data server',
    async () => {
      const engine = await dockerEngine();
      const facility = await Facility.start(['-t', 'Haproxy', ...engineArguments(engine)]);
      const uid = `run.${randomUUID()}`;
      const listener = await open(facility, uid);
      const docker = new Docker({ host: undefined, socketPath: engine.socket });
      const find = () => docker.listContainers({ filters: { label: [`org.scistream.uid=${uid}`] } });
      const [before] = await find();
      await killDataServer(facility);
      await facility.program.shows(again, 'stderr');
      await docker.getContainer(before?.Id ?? '').kill();
      await until('another container', 20_000, async () => (await accepts(listener)) && (await find()).length === 1);
      expect((await find())[0]?.Id).not.toBe(before?.Id);
    },
  );

  it.runIf(canRunDocker())('R12 R13 leaves no container', async () => {
    const engine = await dockerEngine();
    const facility = await Facility.start(['-t', 'Haproxy', ...engineArguments(engine)]);
    const listener = await open(facility, 'contained');
    const label = [`org.scistream.gateway=${await dockerGateway(path.join(facility.stateDir, 's2ds.d'))}`];
    const docker = new Docker({ host: undefined, socketPath: engine.socket });
    const containers = () => docker.listContainers({ all: true, filters: { label } });
    expect(await containers()).toHaveLength(1);
    const { code, stderr } = await facility.program.kill('SIGTERM');
    expect(code, stderr).toBe(0);
    expect(await accepts(listener)).toBe(false);
    expect(await containers()).toEqual([]);
    await leftNothing(facility);
  });
});
