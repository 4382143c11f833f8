import { spawn } from 'node:child_process';
import { Deferred } from '../core/deferred.js';
import { errnoOf, messageOf, SciStreamError } from '../core/errors.js';

export interface ForegroundOptions {
  command: readonly [string, ...string[]];
  /** Added to this process's environment. */
  env: Readonly<Record<string, string>>;
  /** Called once it runs, with what passes a signal on to it. */
  onStart?: ((kill: (signal: NodeJS.Signals) => void) => void) | undefined;
}

/** How a program ended: with an exit code, or by a signal. */
export type ForegroundExit = { readonly code: number } | { readonly signal: NodeJS.Signals };

export interface Foreground {
  /** Throws BAD_FORMAT when the program could not be started. */
  readonly exit: Promise<ForegroundExit>;
  kill(signal: NodeJS.Signals): void;
}

/** Runs a program with our own stdin, stdout and stderr. */
export function runForeground({ command: [program, ...args], env, onStart }: ForegroundOptions): Foreground {
  const exit = new Deferred<ForegroundExit>();
  // A child gets the environment as it is; nothing of it is read here.
  // eslint-disable-next-line no-restricted-properties
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  const kill = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  child.once('spawn', () => onStart?.(kill));
  child.once('error', (error) => {
    const reason = errnoOf(error) === 'ENOENT' ? 'there is no such program' : messageOf(error);
    exit.reject(new SciStreamError('BAD_FORMAT', `Cannot run ${program}: ${reason}.`, { cause: error }));
  });
  child.once('exit', (code, signal) => {
    exit.resolve(signal === null ? { code: code ?? 0 } : { signal });
  });
  return { exit: exit.promise, kill };
}
