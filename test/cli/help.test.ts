import { describe, expect, it } from 'vitest';
import type { ProgramName } from '../support/program.js';
import { fails, succeeds } from './commands.js';

const reaching = ['--server-cert', '--ssl', '--scope', '--timeout'];
const requesting = ['--s2cs', '--num-conn', '--rate', '--label', '--lifetime', '--json', ...reaching];
const server = ['--version', '--listener-ip', '--port-range', '--config', '--verbose'];
const relaying = ['--workers', '--buffer-size', '--socket-buffer', '--idle-timeout', '--portable'];
const proxying = [
  ...[
    '--template-dir',
    '--legacy-stunnel-peer',
    '--docker-host',
    '--haproxy-image',
    '--nginx-image',
    '--stunnel-image',
  ],
  ...['--janus-url', '--janus-user', '--janus-ca', '--janus-profile', '--janus-instance', '--janus-volume'],
];
const keyed = ['--security', '--udp', '--key-file'];
const controller = ['--ports', '--json', ...reaching];

/** The options that scripts and documents rely on. */
const commands: [ProgramName, string, string[]][] = [
  [
    ...(['s2cs', ''] as const),
    [
      ...[...server, '--port', '--type', '--server-crt', '--server-key', '--ssl', '--state-dir', '--json'],
      ...['--allow-anonymous', '--allow-insecure', '--hello-timeout', '--max-sessions', ...relaying],
      ...['--security', '--psk-from-uid', '--enforce-v1-rate', '--check', ...proxying],
    ],
  ],
  ['s2ds', '', [...server, '--socket', '--name', '--managed', ...relaying, ...proxying]],
  ['s2uc', '', ['--version']],
  [
    's2uc',
    'stream',
    ['--inbound', '--targets', '--outbound', '--receiver-ports', '--uid', '--hold', '--security', '--udp', ...reaching],
  ],
  ['s2uc', 'list', ['--s2cs', '--label', '--json', ...reaching]],
  ['s2uc', 'show', ['--s2cs', '--json', ...reaching]],
  ['s2uc', 'watch', ['--s2cs', '--label', '--json', ...reaching]],
  ['s2uc', 'update', ['--s2cs', '--targets', '--rate', '--lifetime', '--json', ...reaching]],
  ['s2uc', 'release', ['--s2cs', '--all', '--json', ...reaching]],
  [
    's2uc',
    'inbound-request',
    [...requesting, '--remote-ip', '--receiver-ports', '--mock', '--uid', ...keyed, '--force'],
  ],
  ['s2uc', 'outbound-request', [...requesting, '--remote-ip', '--receiver-ports', '--mock', ...keyed]],
  ['s2uc', 'prod-req', [...requesting, '--uid', ...keyed, '--force']],
  ['s2uc', 'login', ['--s2cs', ...reaching]],
  ['s2uc', 'logout', ['--scope']],
  ['s2uc', 'check-auth', ['--ip', '--json', ...reaching]],
  ['appctrl', '', ['--version']],
  ['appctrl', 'run', ['--uid', '--s2cs', '--role', '--ip', '--ports', '--release', ...reaching]],
  ['appctrl', 'create-appctrl', controller],
  ['appctrl', 'mock', controller],
];

/** The names of the options that a help text lists, each line of it one option. */
function listed(help: string): string[] {
  return [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z0-9-]+)/gm)].map(([, name = '']) => name);
}

describe('--help', () => {
  it.each(commands)('%s %s lists every option once, in lines that fit', async (program, command, options) => {
    const { stdout, stderr } = await succeeds(program, [...(command === '' ? [] : [command]), '--help']);
    const names = listed(stdout);
    expect(stdout).toMatch(new RegExp(`^Usage: ${program} ${command}`));
    expect(names).toEqual(expect.arrayContaining([...options, '--help']));
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(names).not.toContain('--no-ssl');
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
    expect(stderr).toBe('');
  });

  it('writes defaults as the option takes them', async () => {
    const { stdout } = await succeeds('s2uc', ['inbound-request', '--help']);
    const text = stdout.replace(/\s+/g, ' ');
    // A bare number would be taken for seconds.
    expect(text).toMatch(/--timeout <time> [^(]*\(default: 30s\)/);
    expect(text).toMatch(/--receiver-ports <ports> [^(]*\(default: "?5074,5075,5076,37000,47000"?\)/);
  });
});

describe('a command line that cannot be meant', () => {
  it.each<[ProgramName, string[], RegExp]>([
    ['s2cs', ['--nonsense'], /unknown option '--nonsense'/],
    ['s2uc', ['lists'], /unknown command 'lists'.*Did you mean list\?/s],
    ['s2uc', ['list', '--nonsense=1'], /unknown option '--nonsense=1'/],
    ['s2uc', [], /^Usage: s2uc /],
    ['appctrl', ['run', '--', 'true'], /required option '--uid <uid>' not specified/],
  ])('%s %j is a usage error on stderr', async (program, args, says) => {
    await fails(program, args, { code: 2, says });
  });
});
