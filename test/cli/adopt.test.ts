import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { isRunning } from '../../src/platform/child.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { bin, Program, start } from '../support/program.js';
import { echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { failsInOneSentence } from './commands.js';

/** A facility whose control server was killed, and the data server that it has left. */
async function abandoned(args: readonly string[], uids: readonly string[] = []) {
  const stateDir = await temporaryDir();
  const facility = await Facility.start(args, stateDir);
  const application = await echo();
  const listeners: string[] = [];
  for (const uid of uids) {
    const session = await facility.client().createSession({ uid, role: 'PROD', targets: [application.address] });
    listeners.push(first(session.listeners));
  }
  const { pid } = await facility.agent().info({});
  await facility.program.kill('SIGKILL');
  return { stateDir, pid, listeners };
}

async function refuses(stateDir: string, args: readonly string[], says: RegExp, env?: Record<string, string>) {
  const place = ['--port', '0', '--port-range', '0', '--state-dir', stateDir];
  await failsInOneSentence('s2cs', [...place, ...args], { code: 6, says }, env ? { env } : {});
}

/** One of those that this process may use. */
async function oneCore(): Promise<string> {
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1] ?? '0';
}

describe('s2cs that finds a data server', () => {
  it('refuses one that carries streams with other settings, names each of them, and leaves it alone', async () => {
    const before = ['--idle-timeout', '1h', '--workers', '1'];
    const { stateDir, pid, listeners } = await abandoned(before, ['one', 'two']);
    const says = new RegExp(
      `other settings still carries 2 sessions \\(process ${pid}\\): --workers is 1 there, 2 here; ` +
        `--idle-timeout is 1h there, 30m here\\. Give s2cs the same settings, or end that process`,
    );
    await refuses(stateDir, ['--idle-timeout', '30m', '--workers', '2'], says);
    await refuses(stateDir, [...before, '--template-dir', stateDir], /--template-dir is not set there, \//);
    await refuses(
      stateDir,
      [...before, '--legacy-stunnel-peer', '-t', 'StunnelSubprocess'],
      /--legacy-stunnel-peer is /,
    );
    for (const listener of listeners) expect(await exchange(listener, 'flows on')).toBe('flows on');

    const after = await Facility.start([...before, '--verbose'], stateDir);
    expect((await after.agent().info({})).pid).toBe(pid);
    expect(await after.client().listSessions()).toHaveLength(2);
  });

  it('starts one that carries nothing anew when its settings are others', async () => {
    const { stateDir, pid } = await abandoned(['--idle-timeout', '1h']);
    const { settings, pid: now } = await (await Facility.start(['--idle-timeout', '30m'], stateDir)).agent().info({});
    expect(settings).toMatchObject({ 'idle-timeout': '30m' });
    expect(now).not.toBe(pid);
    expect(isRunning(pid)).toBe(false);
  });

  it('takes over one with the same settings, however they are written', async () => {
    const { stateDir, pid } = await abandoned(['--idle-timeout', '60m', '--buffer-size', '1MiB']);
    const again = [
      '--idle-timeout',
      '3600s',
      '--buffer-size',
      '1024KiB',
      '--portable=False',
      '--socket-buffer',
      '0',
      '-v',
    ];
    const after = await Facility.start(again, stateDir);
    expect((await after.agent().info({})).pid).toBe(pid);
  });

  it('takes over one that has other cores: only what somebody has decided is compared', async () => {
    const stateDir = await temporaryDir();
    const args = ['--socket', `${stateDir}/s2ds.sock`, '--port-range', '0'];
    const agent = new Program('taskset', ['-c', await oneCore(), process.execPath, bin('s2ds'), ...args]);
    await agent.shows(/"msg":"ready"/, 'stderr');
    const facility = await Facility.start([], stateDir);
    expect((await facility.agent().info({})).pid).toBe(agent.process.pid);
    await facility.program.kill('SIGTERM');
    await refuses(stateDir, ['--workers', '1'], /by hand .*--workers is not set there, 1 here\. /);
    expect((await agent.kill('SIGTERM')).code).toBe(0);
  });

  it('tells another password without showing it', async () => {
    const env = { SCISTREAM_S2CS_JANUS_PASSWORD: 'open sesame' };
    const stateDir = await temporaryDir();
    const before = await Facility.start([], stateDir, env);
    await before.client().createSession({ uid: 'kept', role: 'PROD', targets: ['127.0.0.1:7000'] });
    const { settings } = await before.agent().info({});
    expect(JSON.stringify(settings)).not.toContain('sesame');
    await before.program.kill('SIGKILL');
    const changed = { SCISTREAM_S2CS_JANUS_PASSWORD: 'sesame, open' };
    await refuses(stateDir, [], /carries one session .*: janus-password is another one there\. /, changed);
    await Facility.start([], stateDir, env);
  });

  it('refuses one that was started by hand with other settings', async () => {
    const stateDir = await temporaryDir();
    const agent = start('s2ds', ['--socket', `${stateDir}/s2ds.sock`, '--port-range', '0', '--socket-buffer', '1MiB']);
    await agent.shows(/"msg":"ready"/, 'stderr');
    await refuses(stateDir, [], /by hand \(process \d+\): --socket-buffer is 1048576 there, not set here\. /);
    expect((await agent.kill('SIGTERM')).code).toBe(0);
  });

  it('hands on its own settings only, whatever the environment says to data servers', async () => {
    const stateDir = await temporaryDir();
    const env = { SCISTREAM_S2DS_PORTABLE: 'true', SCISTREAM_S2DS_JANUS_USER: 'somebody', SCISTREAM_S2DS_NAME: 'gate' };
    const { settings, name } = await (await Facility.start([], stateDir, env)).agent().info({});
    expect({ name, ...settings }).toMatchObject({ name: 'gate', portable: '', 'janus-user': '' });
  });
});
