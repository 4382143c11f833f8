import { describe, expect, it } from 'vitest';
import { run, type Finished } from '../support/program.js';
import { requirePrograms } from '../support/requires.js';
import { PythonServer } from './python-server.js';
import { pythonGrpc, pythonStubs } from './python.js';

const token = 'not-to-be-seen-anywhere';

describe.runIf(requirePrograms(pythonGrpc))('the token, as a Python control server gets it', () => {
  const stubs = pythonStubs('upstream');

  it('S7 travels bare in the metadata of every call and is shown to nobody', async () => {
    const server = await PythonServer.start(stubs(), '--client_id', 'the-lab', '--token', token);
    const env = { SCISTREAM_TOKEN: token };
    const opened = await run('s2uc', ['inbound-request', ...server.reach, '--receiver_ports', '5074'], { env });
    expect(opened.code, opened.stderr).toBe(0);
    const [, uid = ''] = /^(\S+) \S+ \*{8} PROD$/m.exec(opened.stdout) ?? [];
    const released = await run('s2uc', ['release', uid, ...server.reach], { env });
    expect(released.code, released.stderr).toBe(0);
    const calls = await server.calls();
    expect(new Set(calls.map(({ call }) => call))).toEqual(new Set(['req', 'hello', 'update', 'release']));
    expect(calls.map(({ authorization }) => authorization)).toEqual(calls.map(() => token));
    expect(said(opened) + said(released)).not.toContain(token);
  });

  it('S7 given to appctrl as - comes from the environment', async () => {
    const server = await PythonServer.start(stubs(), '--client_id', 'the-lab', '--token', token);
    const env = { SCISTREAM_TOKEN: token };
    const trust = `--server_cert=${server.certificate}`;
    const mocked = ['inbound-request', ...server.reach, '--receiver_ports', '5074', '--mock', 'True'];
    const uid = '7c0f4f7e-0e60-4d3c-a7c5-7f3e1a9a2b10';
    const opening = run('s2uc', [...mocked, '--uid', uid], { env });
    await server.called('req');
    const controller = await run('appctrl', ['create-appctrl', uid, server.address, '-', 'PROD', trust], { env });
    expect(controller.code, controller.stderr).toBe(0);
    const opened = await opening;
    expect(opened.code, opened.stderr).toBe(0);
    expect(await server.calls('hello')).toMatchObject([{ authorization: token }]);
    expect(said(opened) + said(controller)).not.toContain(token);
  });

  it('S7 is not in the metadata at all when there is none', async () => {
    const server = await PythonServer.start(stubs());
    const { code, stderr } = await run('s2uc', ['inbound-request', ...server.reach, '--receiver_ports', '5074']);
    expect(code, stderr).toBe(0);
    const calls = await server.calls();
    expect(calls.length).toBeGreaterThanOrEqual(3);
    expect(calls.map(({ authorization }) => authorization)).toEqual(calls.map(() => null));
  });
});

function said({ stdout, stderr }: Finished): string {
  return stdout + stderr;
}
