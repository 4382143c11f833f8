import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ensureCertificate } from '../../src/platform/certificates.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { serve } from '../support/tcp.js';
import { failsInOneSentence } from './commands.js';

/** What names this folder in its command line: the s2ds that a failed start might leave. */
async function processesOf(dir: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return commands.filter((command) => command.includes(dir));
}

/** Starts an s2cs that must refuse to, in one sentence, and must leave nothing behind. */
async function refuses(
  args: readonly string[],
  code: number,
  says: RegExp,
  { dir, env = {} }: { dir?: string; env?: Record<string, string> } = {},
): Promise<void> {
  const stateDir = dir ?? path.join(await temporaryDir(), 'state');
  const usual = ['--port', '0', '--port-range', '0', '--state-dir', stateDir];
  await failsInOneSentence('s2cs', [...usual, ...args], { code, says }, { env });
  expect(await processesOf(stateDir)).toEqual([]);
  const left = await readdir(stateDir).catch(() => []);
  expect(left.filter((file) => /\.(sock|lock|tmp)$/.test(file))).toEqual([]);
}

describe('s2cs refuses to start in one sentence and leaves nothing', () => {
  it('when its port is in use', async () => {
    const { address } = await serve(() => undefined);
    const port = address.replace(/^.*:/, '');
    await refuses(['--port', port], 7, new RegExp(`127\\.0\\.0\\.1:${port} is already in use`));
  });

  it('R9 when the data server type is unknown, naming those it knows', async () => {
    await refuses(['-t', 'Nonsense'], 2, /"?Nonsense"? is not a data server type; known are .*relay.*S2DS.*mock/);
  });

  it('when a value is wrong, naming the setting', async () => {
    await Promise.all([
      refuses(['--port-range', '5200-5100'], 2, /port-range.*5200-5100|5200-5100.*port-range/),
      refuses(['--hello-timeout', 'soon'], 2, /hello-timeout.*soon|soon.*hello-timeout/),
    ]);
  });

  it('when the certificate or key cannot be used', async () => {
    const [dir, other] = [await temporaryDir(), await temporaryDir()];
    await Promise.all([ensureCertificate(dir, '127.0.0.1'), ensureCertificate(other, '127.0.0.1')]);
    const [crt, key, wrongKey] = [`${dir}/server.crt`, `${dir}/server.key`, `${other}/server.key`];
    await writeFile(`${dir}/garbage`, 'no PEM at all');
    await Promise.all([
      refuses(['--server-crt', `${dir}/missing.crt`, '--server-key', key], 2, /--server-crt .*missing\.crt/),
      refuses(['--server-crt', crt, '--server-key', `${dir}/missing.key`], 2, /--server-key .*missing\.key/),
      refuses(['--server-crt', crt, '--server-key', wrongKey], 2, /server\.crt and .*server\.key are not/),
      refuses(['--server-crt', `${dir}/garbage`, '--server-key', key], 2, /garbage and .* are not a PEM certificate/),
      refuses(['--server-crt', crt], 2, /--server-crt and --server-key belong together/),
    ]);
  });

  it('when the address is none of this machine', async () => {
    // An address for documents (RFC 5737), which no machine has.
    await refuses(
      ['--listener-ip', '203.0.113.254', '--allow-anonymous'],
      2,
      /203\.0\.113\.254.* is not an address of/,
    );
  });

  it('S4 when it would serve anyone beyond loopback', async () => {
    await refuses(['--listener_ip=0.0.0.0'], 2, /add --allow-anonymous/);
    await refuses(['--listener-ip', '0.0.0.0', '--allow-anonymous=False'], 2, /add --allow-anonymous/);
  });

  it('S4 when the command line takes back what environment and file allow', async () => {
    const dir = await temporaryDir();
    await writeFile(`${dir}/open.yaml`, 'allow-anonymous: true\n');
    const off = ['--listener-ip', '0.0.0.0', '--allow-anonymous=False'];
    const env = { SCISTREAM_S2CS_ALLOW_ANONYMOUS: 'true' };
    await Promise.all([
      refuses(off, 2, /add --allow-anonymous/, { env }),
      refuses([...off, '--config', `${dir}/open.yaml`], 2, /add --allow-anonymous/),
      refuses(['--listener-ip', '0.0.0.0', '--config', `${dir}/open.yaml`], 2, /add --allow-anonymous/, {
        env: { SCISTREAM_S2CS_ALLOW_ANONYMOUS: 'false' },
      }),
    ]);
  });

  it('when it would speak without TLS beyond loopback', async () => {
    await refuses(['--listener-ip', '0.0.0.0', '--allow-anonymous', '--ssl=False'], 2, /add --allow-insecure/);
  });

  it('when its state folder cannot be used', async () => {
    const dir = await temporaryDir();
    await writeFile(`${dir}/file`, '');
    const long = path.join(dir, 'x'.repeat(100));
    await Promise.all([
      refuses([], 2, /x is too long for a Unix socket|too long.*--state-dir/, { dir: long }),
      refuses([], 2, /state folder .*file/, { dir: `${dir}/file` }),
    ]);
  });

  it('when its files cannot be read or hold something else', async () => {
    const dir = await temporaryDir();
    await writeFile(`${dir}/unknown.yaml`, 'prot: 5000\n');
    await mkdir(`${dir}/private`);
    await writeFile(`${dir}/private/server.crt`, 'no certificate');
    await writeFile(`${dir}/private/server.key`, 'no key');
    await chmod(`${dir}/private`, 0o700);
    await Promise.all([
      refuses(['--config', `${dir}/missing.yaml`], 2, /Cannot read --config .*missing\.yaml/),
      refuses(['--config', `${dir}/unknown.yaml`], 2, /Unknown setting: prot\./),
      refuses([], 2, /server\.crt and .*server\.key are not a PEM certificate/, { dir: `${dir}/private` }),
    ]);
  });

  it('when another server uses its state folder, which that one keeps', async () => {
    const facility = await Facility.start();
    const { pid } = await facility.agent().info({});
    const args = ['--port', '0', '--port-range', '0', '--state-dir', facility.stateDir];
    await failsInOneSentence('s2cs', args, {
      code: 6,
      says: new RegExp(`Another s2cs uses the state folder ${facility.stateDir}; .*--state-dir`),
    });
    expect((await facility.agent().info({})).pid).toBe(pid);
    expect(await facility.client().listSessions()).toEqual([]);
  });
});
