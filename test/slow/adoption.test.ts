import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../src/core/until.js';
import { isRunning } from '../../src/platform/child.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { start, type Program } from '../support/program.js';

const gone = /the data server has gone/;
const again = /the data server runs again/;

/** An s2ds as a supervisor of its own starts it. */
async function byHand(stateDir: string, args: readonly string[] = []): Promise<Program> {
  const agent = start('s2ds', ['--socket', path.join(stateDir, 's2ds.sock'), '--port-range', '0', ...args]);
  await agent.shows(/"msg":"ready"/, 'stderr');
  return agent;
}

async function served(facility: Facility): Promise<{ pid: number; managed: boolean }> {
  return facility.agent().info({ brief: true });
}

describe('a data server that takes the place of another one', () => {
  it('is one of those who started the last one by hand: s2cs waits for it, says so, and starts none', async () => {
    const stateDir = await temporaryDir();
    const first = await byHand(stateDir);
    const { program, ...facility } = await Facility.start([], stateDir);
    await first.kill('SIGKILL');
    await program.shows(/waiting for the data server, which was started by hand/, 'stderr');
    expect(program.stderr).toContain(`"agentPid":${first.process.pid ?? 0}`);

    const second = await byHand(stateDir);
    await program.shows(again, 'stderr');
    expect(second.running).toBe(true);
    const { code, stderr } = await program.kill('SIGTERM');
    expect(code, stderr).toBe(0);
    expect(second.running).toBe(true);
    expect(stderr).not.toMatch(/no data server could be had/);
    expect((await second.kill('SIGTERM')).code).toBe(0);
    expect(facility.stateDir).toBe(stateDir);
  });

  it('is not taken with other settings, but as soon as one has the same', async () => {
    const stateDir = await temporaryDir();
    const first = await byHand(stateDir);
    const facility = await Facility.start([], stateDir);
    await first.kill('SIGKILL');
    const other = await byHand(stateDir, ['--workers', '1', '--socket-buffer', '1MiB']);
    await facility.program.shows(/was started by hand \(process \d+\).*--socket-buffer is 1048576 there/, 'stderr');
    expect(facility.program.stderr).not.toMatch(again);
    await other.kill('SIGTERM');
    const right = await byHand(stateDir);
    await facility.program.shows(again, 'stderr');
    await facility.client().createSession({ role: 'PROD', targets: ['127.0.0.1:7000'] });
    const { code, stderr } = await facility.program.kill('SIGTERM');
    expect(code, stderr).toBe(0);
    expect((await right.kill('SIGTERM')).code).toBe(0);
  });

  it('is compared also when it was faster than ours', async () => {
    const facility = await Facility.start();
    const { pid } = await served(facility);
    // It cannot notice the death before the other one is there.
    facility.program.process.kill('SIGSTOP');
    process.kill(pid, 'SIGKILL');
    await until('the end of the data server', 5_000, () => !isRunning(pid));
    const other = await byHand(facility.stateDir, ['--socket-buffer', '1MiB']);
    facility.program.process.kill('SIGCONT');
    await facility.program.shows(/--socket-buffer is 1048576 there/, 'stderr');
    expect(facility.program.stderr).toMatch(gone);
    expect(facility.program.stderr).not.toMatch(again);
    await other.kill('SIGTERM');
    await facility.program.shows(again, 'stderr');
    expect((await served(facility)).managed).toBe(true);
  });

  it('is waited for no more when s2cs is told to stop', async () => {
    const stateDir = await temporaryDir();
    const agent = await byHand(stateDir);
    const { program } = await Facility.start([], stateDir);
    await agent.kill('SIGKILL');
    await program.shows(/waiting for the data server, which was started by hand/, 'stderr');
    const { code, stderr } = await program.kill('SIGTERM');
    expect(code, stderr).toBe(0);
  });
});

describe('a data server that answers nothing', () => {
  it('keeps no s2cs that starts from being told to stop', async () => {
    const stateDir = await temporaryDir();
    const agent = await byHand(stateDir);
    agent.process.kill('SIGSTOP');
    onTestFinished(() => void agent.process.kill('SIGKILL'));
    const place = ['--port', '0', '--port-range', '0', '--state-dir', stateDir];
    const program = start('s2cs', [...place, '--json', '--verbose']);
    await program.shows(/asking the data server that is there/, 'stderr');
    const before = performance.now();
    const { code, stdout, stderr } = await program.kill('SIGTERM');
    expect([code, stdout], stderr).toEqual([0, '']);
    expect(stderr).toMatch(/stopped before it was ready/);
    expect(performance.now() - before).toBeLessThan(4_000);
  });
});
