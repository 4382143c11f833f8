import { Option, type CommandUnknownOpts } from '@commander-js/extra-typings';

const yes = /^(true|yes|on|1)$/i;
const truth = /^(true|false|yes|no|on|off|1|0)$/i;

/**
 * The command lines of the Python tools, in the form commander understands: `--remote_ip` is `--remote-ip`, `inbound_request`
 * is `inbound-request`, and `--ssl=False`, `--mock True` switch a flag that has an opposite off or on. What follows a bare `--` is not touched.
 */
export function normalizeArgv(argv: readonly string[], program: CommandUnknownOpts): string[] {
  const result: string[] = [];
  let command = program;
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    if (word === '--') return [...result, ...argv.slice(index)];
    if (!word.startsWith('--')) {
      const named = command.commands.find((candidate) => candidate.name() === word.replaceAll('_', '-'));
      if (named) command = named;
      result.push(named ? named.name() : word);
      continue;
    }
    const [, name = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const dashed = name.replaceAll('_', '-');
    const following = argv[index + 1];
    if (!isFlag(command, dashed)) {
      result.push(value === undefined ? `--${dashed}` : `--${dashed}=${value}`);
    } else if (value !== undefined) {
      result.push(truth.test(value) ? flagWord(dashed, value) : word);
    } else if (following !== undefined && truth.test(following) && !/^[01]$/.test(following)) {
      result.push(flagWord(dashed, following));
      index++;
    } else {
      result.push(`--${dashed}`);
    }
  }
  return result;
}

/**
 * Gives every flag of a command its opposite, which help does not show: what is switched off is not the same as what is not
 * given, as the environment or a file may switch it on.
 */
export function addOpposites(command: CommandUnknownOpts): void {
  const flags = command.options.filter((option) => option.isBoolean() && option.long !== '--version');
  for (const { long } of flags) {
    if (long) command.addOption(new Option(long.replace('--', '--no-')).hideHelp());
  }
}

function flagWord(name: string, value: string): string {
  return yes.test(value) ? `--${name}` : `--no-${name}`;
}

function isFlag(command: CommandUnknownOpts, name: string): boolean {
  return optionsOf(command).some(({ negate, long }) => negate && long === `--no-${name}`);
}

/** A command's own options and those of the program it belongs to. */
function optionsOf(command: CommandUnknownOpts): readonly Option[] {
  return [...command.options, ...(command.parent ? optionsOf(command.parent) : [])];
}
