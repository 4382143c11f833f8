import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDir } from '../support/facility.js';
import { run, type Finished } from '../support/program.js';
import { requirePrograms } from '../support/requires.js';
import { PythonServer } from './python-server.js';
import { pythonGrpc, pythonStubs } from './python.js';

const uidForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe.runIf(requirePrograms(pythonGrpc))('our user client at a Python control server', () => {
  const stubs = pythonStubs('upstream');

  it("R10 inbound_request, spelled as in upstream's tutorial, makes upstream's calls", async () => {
    const server = await PythonServer.start(stubs());
    const ports = ['--remote_ip', '127.0.0.1', '--receiver_ports', '5074,5075'];
    const finished = await run('s2uc', ['inbound_request', ...server.reach, ...ports, '--num_conn', '2']);
    const uid = scriptLines(finished, `${server.address} NO_AUTH PROD`, ['127.0.0.1:5100', '127.0.0.1:5101']);
    const application = ['127.0.0.1:5074', '127.0.0.1:5075'];
    expect(await server.calls('req')).toMatchObject([{ uid, role: 'PROD', num_conn: 2, rate: 0 }]);
    expect((await server.calls('hello')).at(-1)).toMatchObject({ uid, role: 'PROD', prod_listeners: application });
    expect(await server.calls('update')).toMatchObject([{ uid, role: 'PROD', remote_listeners: application }]);
    expect(await server.calls('release')).toEqual([]);
  });

  it("outbound-request makes upstream's calls: Hello as PROD, everything else as CONS", async () => {
    const server = await PythonServer.start(stubs());
    const inbound = ['10.0.0.1:5100', '10.0.0.1:5101'];
    const uid = '4f8583bc-a4d3-11ee-9fd6-034d1fcbd7c3';
    const flags = ['--remote_ip', '127.0.0.1', '--receiver_ports', '5100', '--num_conn', '5'];
    const finished = await run('s2uc', ['outbound-request', ...server.reach, ...flags, uid, inbound.join(',')]);
    const listeners = [0, 1, 2, 3, 4].map((index) => `127.0.0.1:${5100 + index}`);
    expect(scriptLines(finished, `${server.address} NO_AUTH CONS`, listeners)).toBe(uid);
    expect(await server.calls('req')).toMatchObject([{ uid, role: 'CONS', num_conn: 5, rate: 0 }]);
    expect((await server.calls('hello')).at(-1)).toMatchObject({ uid, role: 'PROD' });
    expect(await server.calls('update')).toMatchObject([{ uid, role: 'CONS', remote_listeners: inbound }]);
  });

  it("asks for five listeners at upstream's five ports when nothing else is said, and finds server.crt here", async () => {
    const server = await PythonServer.start(stubs());
    const cwd = await temporaryDir();
    await copyFile(server.certificate, path.join(cwd, 'server.crt'));
    const { code, stderr } = await run('s2uc', ['inbound-request', '--s2cs', server.address], { cwd });
    expect(code, stderr).toBe(0);
    expect(await server.calls('req')).toMatchObject([{ num_conn: 5 }]);
    const ports = [5074, 5075, 5076, 37000, 47000];
    expect((await server.calls('update'))[0]?.remote_listeners).toEqual(ports.map((port) => `127.0.0.1:${port}`));
  });

  it('R10 says Hello again when it overtook its request and the server refused it', async () => {
    const server = await PythonServer.start(stubs(), '--req_after', '0.4');
    const finished = await run('s2uc', ['inbound-request', ...server.reach, '--receiver_ports', '5074']);
    scriptLines(finished, `${server.address} NO_AUTH PROD`, ['127.0.0.1:5100']);
    expect((await server.calls('hello')).length).toBeGreaterThan(1);
    expect(await server.calls('update')).toHaveLength(1);
  });

  it('R21 works without TLS with --ssl=False', async () => {
    const server = await PythonServer.start(stubs(), '--ssl=False');
    expect(server.reach).toContain('--ssl=False');
    const finished = await run('s2uc', ['inbound-request', ...server.reach, '--receiver_ports', '5074']);
    scriptLines(finished, `${server.address} NO_AUTH PROD`, ['127.0.0.1:5100']);
  });

  it('sends our own fields, which the server does not know, and works all the same', async () => {
    const server = await PythonServer.start(stubs());
    const flags = ['--label', 'experiment=e7', '--receiver_ports', '5074'];
    const finished = await run('s2uc', ['inbound-request', ...server.reach, ...flags]);
    scriptLines(finished, `${server.address} NO_AUTH PROD`, ['127.0.0.1:5100']);
    // The labels.
    expect(await server.calls('req')).toMatchObject([{ unknown: [19] }]);
    for (const { unknown } of [...(await server.calls('hello')), ...(await server.calls('update'))])
      expect(unknown).toEqual([]);
  });

  it.each([
    ['--rate', '20MB/s'],
    ['--lifetime', '1h'],
  ])(
    'R23 refuses %s, which such a server would take and never honor, before it asks for anything',
    async (...flags) => {
      const server = await PythonServer.start(stubs());
      const { code, stdout, stderr } = await run('s2uc', ['inbound-request', ...server.reach, ...flags]);
      expect({ code, stdout }).toEqual({ code: 12, stdout: '' });
      expect(stderr).toContain('version 1 only');
      expect(await server.calls('req')).toEqual([]);
    },
  );

  it('--json prints one object with what version 1 lets it know', async () => {
    const server = await PythonServer.start(stubs());
    const flags = ['--receiver_ports', '5074', '--num_conn', '2', '--json'];
    const { code, stdout, stderr } = await run('s2uc', ['inbound-request', ...server.reach, ...flags]);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      ...{ uid: expect.stringMatching(uidForm) as string, role: 'PROD', s2cs: server.address, state: 'active' },
      ...{ listeners: ['127.0.0.1:5100', '127.0.0.1:5101'], targets: ['127.0.0.1:5074', '127.0.0.1:5074'] },
      ...{ security: '', expires: null },
    });
  });

  it('release falls back to version 1', async () => {
    const server = await PythonServer.start(stubs());
    const opened = await run('s2uc', ['inbound-request', ...server.reach, '--receiver_ports', '5074']);
    const uid = scriptLines(opened, `${server.address} NO_AUTH PROD`, ['127.0.0.1:5100']);
    const released = await run('s2uc', ['release', uid, ...server.reach]);
    expect(released.code, released.stderr).toBe(0);
    expect(released.stdout).toBe(`Released ${uid}.\n`);
    expect(await server.calls('release')).toMatchObject([{ uid, unknown: [] }]);
    const again = await run('s2uc', ['release', uid, ...server.reach]);
    expect(again).toMatchObject({ code: 5, stdout: '', stderr: expect.stringContaining(uid) as string });
  });
});

/** Checks the two lines that users' scripts read, and answers the uid. */
function scriptLines({ code, stdout, stderr }: Finished, identity: string, listeners: readonly string[]): string {
  expect(code, stderr).toBe(0);
  const lines = stdout.split('\n');
  const [named = '', ...moreNames] = lines.filter((line) => line.endsWith(` ${identity}`));
  const uid = named.slice(0, -identity.length - 1);
  expect(uid).toMatch(uidForm);
  expect(moreNames).toEqual([]);
  const listed = `Listeners: [${listeners.map((listener) => `'${listener}'`).join(', ')}]`;
  expect(lines.filter((line) => line.includes('Listeners'))).toEqual([listed]);
  return uid;
}
