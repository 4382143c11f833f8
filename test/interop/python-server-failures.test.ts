import { describe, expect, it } from 'vitest';
import { Facility } from '../support/facility.js';
import { run, start } from '../support/program.js';
import { requirePrograms } from '../support/requires.js';
import { PythonServer } from './python-server.js';
import { pythonGrpc, pythonStubs } from './python.js';

describe.runIf(requirePrograms(pythonGrpc))(
  'our user client at a Python control server that cannot or will not',
  () => {
    const stubs = pythonStubs('upstream');

    it('R29 list is NOT_IMPLEMENTED with a sentence', async () => {
      const server = await PythonServer.start(stubs());
      const { code, stdout, stderr } = await run('s2uc', ['list', ...server.reach]);
      expect({ code, stdout }).toEqual({ code: 12, stdout: '' });
      expect(stderr).toMatch(cannot(server));
    });

    it('stream is NOT_IMPLEMENTED with a sentence, and the end that it opened already is released', async () => {
      const server = await PythonServer.start(stubs(), '--ssl=False');
      const facility = await Facility.start(['--ssl=False']);
      const ends = ['--inbound', facility.address, '--outbound', server.address, '--targets', '127.0.0.1:7000'];
      const { code, stdout, stderr } = await run('s2uc', ['stream', '--ssl=False', ...ends]);
      expect({ code, stdout }).toEqual({ code: 12, stdout: '' });
      expect(stderr).toMatch(cannot(server));
      await facility.holdsNothing();
      expect(await server.calls()).toEqual([]);
    });

    it('R11 ends at once when the token is missing, and names the scope', async () => {
      const server = await PythonServer.start(stubs(), '--client_id', 'scope-of-the-lab', '--token', 'good');
      const { code, stdout, stderr } = await run('s2uc', ['inbound-request', ...server.reach]);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toContain('scope-of-the-lab');
    });

    it('R16 fails when no Hello comes in time, and prints no result', async () => {
      const server = await PythonServer.start(stubs(), '--timeout', '0.5');
      const mock = ['--mock', 'True', '--receiver_ports', '5074'];
      const { code, stdout, stderr } = await run('s2uc', ['inbound-request', ...server.reach, ...mock]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain('Hello not received within the timeout period');
      // The failure is the server's: our own stack would lead its reader astray.
      expect(stderr).not.toMatch(/^\s+at /m);
      expect(await server.calls('update')).toEqual([]);
    });

    it('R6 fails when the server is out of ports and answers without listeners', async () => {
      const server = await PythonServer.start(stubs(), '--port_range', '5100-5099');
      const { code, stdout, stderr } = await run('s2uc', ['inbound-request', ...server.reach]);
      expect({ code, stdout }).toEqual({ code: 7, stdout: '' });
      expect(stderr).toMatch(/^s2uc: .*\.\n$/);
      // What the server still holds for it is given back.
      expect(await server.calls('release')).toHaveLength(1);
    });

    it('R11 a user who gives up while it waits releases the session', async () => {
      const server = await PythonServer.start(stubs());
      const program = start('s2uc', ['inbound-request', ...server.reach, '--mock', 'True']);
      const { uid } = await server.called('req');
      const { code, stdout } = await program.kill('SIGINT');
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
      expect(await server.calls('release')).toMatchObject([{ uid }]);
    });
  },
);

/** A sentence that names the server, and says that it is the server that cannot. */
function cannot({ address }: PythonServer): RegExp {
  return new RegExp(
    `^s2uc: .*${address}.*(version 1|does not (support|know|offer|understand|implement)|cannot).*\\.\n$`,
  );
}
