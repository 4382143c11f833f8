import { describe, expect, it } from 'vitest';
import { run, start, type Program } from '../support/program.js';
import { requirePrograms } from '../support/requires.js';
import { PythonServer } from './python-server.js';
import { pythonGrpc, pythonStubs } from './python.js';

describe.runIf(requirePrograms(pythonGrpc))('our application controller at a Python control server', () => {
  const stubs = pythonStubs('upstream');

  it('create-appctrl says the Hello for which prod-req waits', async () => {
    const server = await PythonServer.start(stubs());
    const request = start('s2uc', ['prod-req', ...server.reach]);
    const uid = await announcedUid(request, 'PROD');
    await server.called('req');
    const words = ['create-appctrl', uid, server.address, 'INVALID_TOKEN', 'PROD', '127.0.0.1'];
    const controller = await run('appctrl', [...words, ...trust(server)]);
    expect(controller).toMatchObject({ code: 0, stdout: 'Sending Prod listeners...\n' });
    const { code, stdout, stderr } = await request.finished;
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${uid} ${server.address} NO_AUTH PROD$`, 'm'));
    expect(stdout).toMatch(/^Listeners: \['127\.0\.0\.1:5100',.* '127\.0\.0\.1:5104'\]$/m);
    const application = [5074, 5075, 5076, 37000, 47000].map((port) => `127.0.0.1:${port}`);
    expect(await server.calls('hello')).toMatchObject([{ uid, role: 'PROD', prod_listeners: application }]);
    expect(await server.calls('update')).toMatchObject([{ uid, role: 'PROD', remote_listeners: application }]);
  });

  it('inbound-request --mock True leaves the Hello to appctrl mock', async () => {
    const server = await PythonServer.start(stubs());
    const request = start('s2uc', ['inbound_request', ...server.reach, '--receiver_ports', '5074', '--mock', 'True']);
    const uid = await announcedUid(request, 'PROD');
    await server.called('req');
    const words = ['mock', uid, server.address, 'NO_AUTH', 'PROD', '127.0.0.2', '--ports', '7001,7002'];
    const controller = await run('appctrl', [...words, '--json', ...trust(server)]);
    expect(controller.code, controller.stderr).toBe(0);
    expect(JSON.parse(controller.stdout)).toMatchObject({ uid, role: 'PROD', listeners: [] });
    expect((await request.finished).code).toBe(0);
    // The application is where its controller says, not where the user thought.
    expect(await server.calls('update')).toMatchObject([{ remote_listeners: ['127.0.0.2:7001', '127.0.0.2:7002'] }]);
  });

  it("create-appctrl for a consumer prints its listeners, and the request keeps the producer's as targets", async () => {
    const server = await PythonServer.start(stubs());
    const uid = 'dd0c1b1a-6b7e-4a57-9d0c-1f3f3f6c1a11';
    const request = start('s2uc', ['outbound-request', ...server.reach, '--mock', 'True', uid, '10.0.0.1:5100']);
    await server.called('req');
    const controller = await run('appctrl', ['create-appctrl', uid, server.address, '-', 'CONS', ...trust(server)]);
    expect(controller).toMatchObject({
      code: 0,
      stdout: "Sending listeners...\nListeners: ['127.0.0.1:5100']\n",
    });
    expect((await request.finished).code).toBe(0);
    expect(await server.calls('update')).toMatchObject([{ uid, role: 'CONS', remote_listeners: ['10.0.0.1:5100'] }]);
  });

  it('R10 a controller that is early says Hello again until the request is there', async () => {
    const server = await PythonServer.start(stubs());
    const uid = '0b3a3a52-8a55-4f3e-8f70-55a0d3f9a0aa';
    const controller = start('appctrl', ['mock', uid, server.address, 'NO_AUTH', 'PROD', ...trust(server)]);
    await server.called('hello');
    const request = start('s2uc', ['prod-req', ...server.reach, '--uid', uid]);
    expect(await controller.finished).toMatchObject({ code: 0, stdout: 'Sending Prod listeners...\n', stderr: '' });
    expect(await request.finished).toMatchObject({ code: 0 });
  });
});

function trust({ certificate }: PythonServer): string[] {
  return [`--server_cert=${certificate}`];
}

/** The uid that a request shows its user while it waits for the controller. */
async function announcedUid(request: Program, role: string): Promise<string> {
  const [, uid = ''] = await request.shows(new RegExp(`(\\S+) \\S+ NO_AUTH ${role}$`, 'm'), 'stderr');
  return uid;
}
