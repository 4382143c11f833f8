import { homedir } from 'node:os';
import path from 'node:path';
import { variable } from './load.js';

/** Where a program keeps what must survive it, unless told otherwise. */
export function defaultStateDir(program: 's2cs' | 's2ds'): string {
  return path.join(variable('XDG_STATE_HOME') ?? path.join(homedir(), '.local/state'), 'scistream', program);
}

/** Where a user's tokens are kept. */
export function tokenFile(): string {
  return path.join(variable('XDG_CONFIG_HOME') ?? path.join(homedir(), '.config'), 'scistream', 'tokens.json');
}

/** A token given by the environment, as batch systems do. */
export function tokenFromEnvironment(): string | undefined {
  return variable('SCISTREAM_TOKEN');
}
