import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isRunning } from '../../src/platform/child.js';
import { isServed } from '../../src/platform/state-dir.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { proxyPackages } from '../support/processes.js';
import { start, type Finished } from '../support/program.js';
import { programsIn } from '../support/proxy-programs.js';
import { requirePrograms } from '../support/requires.js';
import { accepts, echo } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { failsInOneSentence } from '../cli/commands.js';

const installed = requirePrograms(...proxyPackages);
/** In which s2cs ends, whatever its data server does. */
const stopMs = 22_000;

async function open(facility: Facility, uid: string): Promise<string> {
  const { listeners } = await facility.client().createSession({ uid, role: 'PROD', targets: [(await echo()).address] });
  return first(listeners);
}

function hang(pid: number): void {
  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => {
    if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  });
}

async function hangDataServer(facility: Facility): Promise<number> {
  const { pid } = await facility.agent().info({ brief: true });
  hang(pid);
  return pid;
}

async function stops(facility: Facility): Promise<Finished> {
  const before = performance.now();
  const finished = await facility.program.kill('SIGTERM');
  expect(performance.now() - before, finished.stderr).toBeLessThan(stopMs);
  return finished;
}

describe('s2cs whose data server hangs', () => {
  it('kills it when it is told to stop, and says so', async () => {
    const facility = await Facility.start(['-t', 'relay']);
    const listener = await open(facility, 'frozen');
    const pid = await hangDataServer(facility);
    const { code, stderr } = await stops(facility);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(new RegExp(`"agentPid":${pid},.*it is killed`));
    expect(isRunning(pid)).toBe(false);
    expect(await accepts(listener)).toBe(false);
    await Facility.start(['-t', 'relay'], facility.stateDir);
  });

  it.runIf(installed)('lets another one end its proxies', async () => {
    const facility = await Facility.start(['-t', 'haproxy-process']);
    const listener = await open(facility, 'flowing');
    const pid = await hangDataServer(facility);
    const { code, stderr } = await stops(facility);
    expect(code, stderr).toBe(0);
    expect([isRunning(pid), await accepts(listener), await programsIn(facility.stateDir)]).toEqual([false, false, []]);
    expect(await isServed(path.join(facility.stateDir, 's2ds.sock'))).toBe(false);
  });

  it.runIf(installed)('fails and names what is left when that one is not its own', async () => {
    const stateDir = await temporaryDir();
    const agent = start('s2ds', ['--socket', `${stateDir}/s2ds.sock`, '--port-range', '0']);
    await agent.shows(/"msg":"ready"/, 'stderr');
    const facility = await Facility.start(['-t', 'haproxy-process'], stateDir);
    const listener = await open(facility, 'left');
    const pid = await hangDataServer(facility);
    const { code, stderr } = await stops(facility);
    expect(code, stderr).toBe(13);
    expect(stderr).toMatch(new RegExp(`\\(process ${pid}\\) does not answer\\..*kill -9 ${pid}`));
    expect(stderr).toContain(`did not release what these sessions have: left ${listener}.`);
    expect(isRunning(pid)).toBe(true);
    process.kill(pid, 'SIGCONT');
    expect((await agent.kill('SIGTERM')).code).toBe(0);
    expect(await accepts(listener)).toBe(false);
  });
});

describe('s2cs that finds a data server that hangs', () => {
  it('does not start, and tells which process it is and what to do', async () => {
    const stateDir = await temporaryDir();
    const agent = start('s2ds', ['--socket', `${stateDir}/s2ds.sock`, '--port-range', '0']);
    await agent.shows(/"msg":"ready"/, 'stderr');
    const pid = agent.process.pid ?? 0;
    hang(pid);
    const place = ['--port', '0', '--port-range', '0', '--state-dir', stateDir];
    const says = new RegExp(`/s2ds.sock \\(process ${pid}\\) does not answer\\. .*"kill -9 ${pid}"`);
    await failsInOneSentence('s2cs', place, { code: 11, says });
  });
});

describe('s2cs with a Docker Engine that accepts and never answers', () => {
  it('leaves no data server when it has stopped, and can be started again', async () => {
    const silent = net.createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const engine = ['--docker-host', `tcp://127.0.0.1:${(silent.address() as net.AddressInfo).port}`];
    const facility = await Facility.start(engine);
    const listener = await open(facility, 'usual');
    const { pid } = await facility.agent().info({ brief: true });
    const { code, stderr } = await stops(facility);
    expect(code, stderr).toBe(0);
    expect([isRunning(pid), await accepts(listener)]).toEqual([false, false]);
    const again = await Facility.start(engine, facility.stateDir);
    expect((await stops(again)).code).toBe(0);
  });
});
