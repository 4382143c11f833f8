import { Command } from '@commander-js/extra-typings';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeArgv } from './argv.js';
import { conventions } from './main.js';
import { proxying } from './proxy-options.js';
import { relaying } from './relay-options.js';

/** A program with every kind of option that ours have. */
function program() {
  const request = new Command('inbound-request')
    .option('--remote-ip <ip>')
    .option('--receiver-ports <ports>')
    .option('--uid <uid>')
    .option('--ssl')
    .option('--mock')
    .option('--json')
    .argument('[words...]');
  const tool = new Command('tool').version('1').option('-t, --type <type>').option('-v, --verbose');
  return conventions(tool.addCommand(request));
}

function normalize(...argv: string[]): string[] {
  return normalizeArgv(argv, program());
}

/** What commander makes of the normalized words of `inbound-request`. */
function understood(...argv: string[]): { options: Record<string, unknown>; words: string[] } {
  const tool = program();
  const [request] = tool.commands;
  if (!request) throw new Error('the program has a command');
  for (const command of [tool, request]) command.configureOutput({ writeErr: () => undefined });
  request.action(() => undefined);
  tool.parse(normalizeArgv(['inbound_request', ...argv], tool), { from: 'user' });
  return { options: request.opts(), words: request.args };
}

const optionName = fc.constantFrom('remote-ip', 'receiver-ports', 'uid', 'ssl', 'mock', 'json', 'unknown-one');
const word = fc.string().filter((text) => !text.startsWith('--') && text.replaceAll('_', '-') !== 'inbound-request');

describe('command lines of the Python tools', () => {
  it('takes underscores for dashes in names of options and commands', () => {
    expect(normalize('inbound_request', '--remote_ip', '10.0.0.1', '--receiver_ports=1,2')).toEqual([
      'inbound-request',
      '--remote-ip',
      '10.0.0.1',
      '--receiver-ports=1,2',
    ]);
  });

  it('means the same by either spelling of any option', () => {
    fc.assert(
      fc.property(optionName, fc.option(fc.string()), (name, value) => {
        const end = value === null ? '' : `=${value}`;
        expect(normalize('inbound_request', `--${name.replaceAll('-', '_')}${end}`)).toEqual(
          normalize('inbound-request', `--${name}${end}`),
        );
      }),
    );
  });

  it('leaves the value of an option as it is', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(normalize('inbound-request', `--uid=${value}`)).toEqual(['inbound-request', `--uid=${value}`]);
      }),
    );
    fc.assert(
      fc.property(word, (value) => {
        expect(normalize('inbound-request', '--uid', value)).toEqual(['inbound-request', '--uid', value]);
      }),
    );
  });

  it('leaves every word alone that is neither an option nor a command', () => {
    fc.assert(
      fc.property(fc.array(word), (words) => {
        expect(normalize(...words)).toEqual(words);
      }),
    );
  });

  it('leaves short options alone: -t Haproxy', () => {
    expect(normalize('-t', 'Haproxy', '-v')).toEqual(['-t', 'Haproxy', '-v']);
  });

  it('touches nothing after --', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (rest) => {
        expect(normalize('inbound_request', '--mock', '--', ...rest)).toEqual([
          ...['inbound-request', '--mock', '--'],
          ...rest,
        ]);
      }),
    );
    const application = ['python', 'run.py', '--my_flag', 'True', '--ssl=False', 'inbound_request', '--'];
    expect(normalize('inbound_request', '--', ...application)).toEqual(['inbound-request', '--', ...application]);
  });

  it('finds a command once: its name as an argument of the command stays', () => {
    expect(normalize('inbound_request', 'inbound_request')).toEqual(['inbound-request', 'inbound_request']);
  });

  it.each([
    ['--ssl=False', false],
    ['--ssl=false', false],
    ['--ssl=0', false],
    ['--ssl=True', true],
    ['--ssl=1', true],
    ['--ssl', true],
    ['--no-ssl', false],
    ['--no_ssl', false],
  ])('%s sets ssl to %j', (text, ssl) => {
    expect(understood(text).options).toEqual({ ssl });
  });

  it.each(['True', 'true', 'yes', 'on'])('a flag takes %s as a word of its own', (value) => {
    expect(understood('--mock', value, 'word')).toEqual({ options: { mock: true }, words: ['word'] });
    expect(understood('--ssl', value).options).toEqual({ ssl: true });
  });

  it.each(['False', 'false', 'no', 'off'])('a flag takes %s as a word of its own', (value) => {
    expect(understood('--ssl', value, 'word')).toEqual({ options: { ssl: false }, words: ['word'] });
  });

  it.each(['--mock=False', '--mock False', '--mock=0', '--mock=off', '--no-mock', '--mock --mock=false'])(
    '%s switches a flag off, which is not the same as not giving it',
    (text) => {
      expect(understood(...text.split(' '))).toEqual({ options: { mock: false }, words: [] });
      expect(understood()).toEqual({ options: {}, words: [] });
    },
  );

  it('every flag of a program can be switched off, but for its version', () => {
    const tool = conventions(
      relaying(proxying(new Command('s2ds')))
        .version('1')
        .option('-v, --verbose'),
    );
    tool.configureOutput({ writeErr: () => undefined }).action(() => undefined);
    const off = ['--portable=False', '--legacy_stunnel_peer=no', '--verbose', 'False'];
    tool.parse(normalizeArgv(off, tool), { from: 'user' });
    expect(tool.opts()).toEqual({ portable: false, legacyStunnelPeer: false, verbose: false });
    expect(tool.helpInformation()).not.toContain('--no-');
    expect(() => tool.parse(normalizeArgv(['--version=False'], tool), { from: 'user' })).toThrow('--version=False');
  });

  it('leaves a word after a flag alone that is no truth value', () => {
    expect(understood('--mock', 'Truest')).toEqual({ options: { mock: true }, words: ['Truest'] });
    expect(understood('--mock', '1')).toEqual({ options: { mock: true }, words: ['1'] });
  });

  it('leaves a truth value alone that belongs to an option with a value', () => {
    expect(understood('--uid', 'True')).toEqual({ options: { uid: 'True' }, words: [] });
  });

  it('does not hide a value that a flag cannot have', () => {
    expect(() => understood('--mock=maybe')).toThrow('--mock=maybe');
  });
});
