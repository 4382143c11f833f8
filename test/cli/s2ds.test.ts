import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isServed } from '../../src/platform/state-dir.js';
import { temporaryDir } from '../support/facility.js';
import { start } from '../support/program.js';
import { failsInOneSentence } from './commands.js';

describe('s2ds started by hand', () => {
  it('R28 is ready on a private socket, prints nothing to stdout, and takes the socket away at SIGTERM', async () => {
    const dir = path.join(await temporaryDir(), 'agent');
    const socket = path.join(dir, 's2ds.sock');
    const agent = start('s2ds', ['--socket', socket, '--port-range', '0']);
    await agent.shows(/"msg":"ready"/, 'stderr');
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    await failsInOneSentence('s2ds', ['--socket', socket, '--port-range', '0'], {
      code: 6,
      says: /already serves .*s2ds\.sock; stop it or choose another --socket/,
    });
    expect(await isServed(socket)).toBe(true);
    const { code, stdout } = await agent.kill('SIGTERM');
    expect({ code, stdout, left: existsSync(socket) }).toEqual({ code: 0, stdout: '', left: false });
  });

  it('refuses settings that are wrong in one sentence, naming the setting', async () => {
    const dir = await temporaryDir();
    await writeFile(`${dir}/s2ds.yaml`, 'port-range: none\n');
    await Promise.all([
      failsInOneSentence('s2ds', ['--config', `${dir}/s2ds.yaml`], { code: 2, says: /port-range/ }),
      failsInOneSentence('s2ds', ['--socket', `${dir}/${'x'.repeat(120)}`], { code: 2, says: /too long .*--socket/ }),
    ]);
  });

  it('names its own variable for the password of Janus, as s2cs names that of s2cs', async () => {
    const janus = ['--janus-url', 'https://127.0.0.1:1'];
    const socket = path.join(await temporaryDir(), 's2ds.sock');
    const stateDir = path.join(await temporaryDir(), 'state');
    await failsInOneSentence('s2ds', ['--socket', socket, ...janus], {
      code: 2,
      says: /--janus-url needs .* SCISTREAM_S2DS_JANUS_PASSWORD\./,
    });
    await failsInOneSentence('s2cs', ['--state-dir', stateDir, '--check', ...janus], {
      code: 2,
      says: /--janus-url needs .* SCISTREAM_S2CS_JANUS_PASSWORD\./,
    });
  });
});
