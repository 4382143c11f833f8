import { describe, expect, it } from 'vitest';
import { ControlClient } from '../../src/index.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { proxyPackages } from '../support/processes.js';
import { start } from '../support/program.js';
import { requirePrograms } from '../support/requires.js';
import { fails } from './commands.js';

const beyond = ['--listener-ip', '0.0.0.0', '--allow-anonymous'];

/** What the start of a control server warns of. */
async function warnings(args: readonly string[]): Promise<string[]> {
  const { program } = await Facility.start(args);
  const { stderr } = await program.kill('SIGTERM');
  return stderr.split('\n').flatMap((line) => (/"level":"warn".*"msg":"([^"]*)"/.exec(line) ?? []).slice(1));
}

/** What a control server that was not told demands of its streams. */
async function usualSecurity(args: readonly string[]): Promise<string> {
  const place = ['--port', '0', '--port-range', '0', '--ssl=False', '--json', '--state-dir', await temporaryDir()];
  const program = start('s2cs', [...place, ...args]);
  const [, s2cs = ''] = await program.shows(/"address":"([^"]+)"/);
  using client = new ControlClient({ s2cs, ssl: false });
  const { defaultSecurity } = await client.getFacility();
  await program.kill('SIGTERM');
  return defaultSecurity;
}

describe('s2cs --security', () => {
  it('S1 is what the data server type offers first: the relay encrypts unless somebody says otherwise', async () => {
    expect(await usualSecurity([])).toBe('tls-psk');
    expect(await usualSecurity(['-t', 'mock'])).toBe('none');
    expect(await usualSecurity(['-t', 'mock', '--security', 'tls-psk'])).toBe('tls-psk');
  });

  it('S9 warns where others could read the streams and nowhere else', async () => {
    expect(await warnings([...beyond, '--security', 'none'])).toEqual([
      expect.stringMatching(/^streams between facilities are not encrypted.* unless a client asks for tls-psk$/),
    ]);
    expect(await warnings([...beyond, '--security', 'tls-psk'])).toEqual([]);
    expect(await warnings(['--security', 'none'])).toEqual([]);
  });

  it.runIf(requirePrograms(...proxyPackages))('S9 does not promise what the data server type cannot do', async () => {
    expect(await warnings([...beyond, '--security', 'none', '-t', 'haproxy-process'])).toEqual([
      expect.stringMatching(/^streams between facilities are not encrypted.*: haproxy-process has no encryption$/),
    ]);
  });

  it('S6 warns of uids as keys, in either spelling of the option', async () => {
    for (const option of ['--psk-from-uid', '--psk_from_uid']) {
      expect(await warnings(['--security', 'tls-psk', option])).toEqual([
        expect.stringMatching(/uses its uid as the key \(--psk-from-uid\)/),
      ]);
    }
  });

  it('refuses a protection that there is not', async () => {
    const args = ['--port', '0', '--security', 'ssl'];
    await fails('s2cs', args, { code: 2, says: /security: security "ssl" must be tls-psk or none/ });
  });
});
