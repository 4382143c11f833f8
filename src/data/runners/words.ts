import { errnoOf, messageOf, SciStreamError } from '../../core/errors.js';
import type { Program } from './runner.js';

/** Characters that are quoted of what a program prints. */
const quoted = 500;

/** Why a program could not be started, and what to do about it. */
export function startFailure(program: Program, error: unknown): SciStreamError {
  const options = { cause: error };
  const code = errnoOf(error) ?? '';
  switch (code) {
    case 'ENOENT':
      return new SciStreamError('UNAVAILABLE', notInstalled(program), options);
    case 'EACCES':
      return new SciStreamError(
        'UNAVAILABLE',
        `${program.name} (${program.commands.join(', ')}) may not be run by this user; allow it to.`,
        options,
      );
    case 'EAGAIN':
    case 'ENOMEM':
      return new SciStreamError(
        'UNAVAILABLE',
        `${program.name} cannot be started as the system has no room for another process (${code}); free memory or ` +
          'raise the limit of processes (ulimit -u).',
        options,
      );
    case 'EMFILE':
    case 'ENFILE':
      return new SciStreamError(
        'UNAVAILABLE',
        `${program.name} cannot be started as too many files are open (${code}); raise their limit (ulimit -n).`,
        options,
      );
    default:
      return new SciStreamError('SERVER_ERR', `${program.name} cannot be started: ${messageOf(error)}`, options);
  }
}

function notInstalled({ name, packages }: Program): string {
  const noun = packages.length === 1 ? 'package' : 'packages';
  return `${name} is not installed; install the Debian ${noun} ${packages.join(' and ')}.`;
}

/** The end of what a program printed, as one line. */
export function lastWords(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim())
    .filter(Boolean);
  const text = lines.join('; ');
  return text.length > quoted ? `…${text.slice(-quoted)}` : text;
}
