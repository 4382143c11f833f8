import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { plainEnvironment } from '../config/load.js';
import { errnoOf } from '../core/errors.js';
import { Lines } from './lines.js';
import { sendSignal } from './processes.js';

/** Characters of what a program prints that are kept until it ends. */
const keptOutput = 65_536;

/** Names in PATH or absolute paths of the same program. */
export type Commands = readonly [string, ...string[]];

export interface Launched {
  readonly command: string;
  readonly child: ChildProcess;
  readonly pid: number;
}

/**
 * Starts the first of `commands` that is there and may be run; when it resolves, the program runs, and what is done at once
 * comes before any event of it. Throws the system's error: ENOENT when none is there, EACCES when one may not be run.
 */
export async function launch(
  commands: Commands,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<Launched> {
  let denied: Error | undefined;
  for (const command of commands) {
    const child = spawn(command, args, { env: plainEnvironment(), ...options });
    if (child.pid !== undefined) return { command, child, pid: child.pid };
    const error = await new Promise<Error>((resolve) => child.once('error', resolve));
    const code = errnoOf(error);
    if (code !== 'ENOENT' && code !== 'EACCES') throw error;
    // Of a bare name it says only that some folder of PATH cannot be searched.
    if (code === 'EACCES' && path.isAbsolute(command)) denied ??= error;
  }
  throw denied ?? new NoSuchProgram(`There is no program ${commands.join(' or ')}.`);
}

class NoSuchProgram extends Error {
  readonly code = 'ENOENT';
}

export interface Finished {
  readonly command: string;
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly timedOut: boolean;
  /** The last 64 KiB that it printed, to either stream. */
  readonly output: string;
}

/** Runs the first of `commands` that is there to its end, and kills it after `timeoutMs`. Throws as `launch` does. */
export async function runToEnd(
  commands: Commands,
  args: readonly string[],
  { timeoutMs, cwd }: { timeoutMs: number; cwd?: string },
): Promise<Finished> {
  const { command, child, pid } = await launch(commands, args, {
    ...{ detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    ...(cwd === undefined ? {} : { cwd }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-keptOutput)));
  }
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    sendSignal(-pid, 'SIGKILL');
    // Somebody who has left its group may hold them open.
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, timeoutMs);
  const code = await new Promise<number | undefined>((resolve) => {
    child.once('close', (code) => {
      resolve(code ?? undefined);
    });
  });
  clearTimeout(timer);
  return { command, code, timedOut, output };
}

/** Reads a stream to its end and hands out its lines. */
export function eachLine(stream: Readable, handle: (line: string) => void): void {
  const lines = new Lines(handle);
  stream.setEncoding('utf8').on('data', (text: string) => {
    lines.push(text);
  });
  stream.once('close', () => {
    lines.end();
  });
  // A stream that breaks is closed as well.
  stream.on('error', () => undefined);
}
