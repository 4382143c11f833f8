import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { z } from 'zod';
import { environmentWith } from '../config/load.js';
import { Deferred, orAborted } from '../core/deferred.js';
import { SciStreamError } from '../core/errors.js';
import { inspect, sendSignal } from './processes.js';

const startReport = z.union([z.strictObject({ ready: z.literal(true) }), z.strictObject({ failed: z.string() })]);

/** What a daemon tells the process that started it, once. */
export type StartReport = z.infer<typeof startReport>;

export interface DaemonOptions {
  command: string;
  args: readonly string[];
  /** Variables beside our own; those that are undefined it has not, also when we have. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Gets what the daemon prints; created 0600. */
  logFile: string;
  /** Milliseconds until it must have reported. */
  timeoutMs: number;
  /** Its abort ends the start. */
  signal: AbortSignal;
}

/**
 * Starts a process that outlives this one, in a session of its own so that no terminal's Ctrl-C reaches it, and waits until
 * it has reported. Answers its process id. Throws SERVER_ERR with its reason, or the reason of `signal`, leaving nothing
 * running, when it does not become ready.
 */
export async function startDaemon(options: DaemonOptions): Promise<number> {
  const { command, args, environment, logFile, timeoutMs, signal } = options;
  signal.throwIfAborted();
  const log = openSync(logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(command, args, {
      detached: true,
      env: environmentWith(environment),
      stdio: ['ignore', log, log, 'ipc'],
    });
  } finally {
    closeSync(log);
  }
  const report = new Deferred<StartReport>();
  const ended = new Deferred<void>();
  const fail = (reason: string): void => {
    report.resolve({ failed: reason });
  };
  child.once('message', (message) => {
    report.resolve(startReport.parse(message));
  });
  child.once('error', (error) => {
    fail(error.message);
    ended.resolve();
  });
  child.once('exit', (code, signal) => {
    fail(`it ended with ${signal ?? `exit code ${code ?? 'none'}`}; see ${logFile}`);
    ended.resolve();
  });
  const timer = setTimeout(fail, timeoutMs, `it was not ready within ${timeoutMs} ms; see ${logFile}`);
  try {
    const outcome = await orAborted(report.promise, signal);
    if ('failed' in outcome || child.pid === undefined) {
      const reason = 'failed' in outcome ? outcome.failed : 'it has no process id';
      throw new SciStreamError('SERVER_ERR', `The data server could not be started: ${reason}`);
    }
    child.unref();
    return child.pid;
  } catch (error) {
    child.kill('SIGKILL');
    await ended.promise;
    throw error;
  } finally {
    clearTimeout(timer);
    if (child.connected) child.disconnect();
  }
}

/** Tells the process that started this one, if it waits for that, how the start went. */
export function reportStart(report: StartReport): Promise<void> {
  return new Promise((resolve) => {
    if (!process.send || !process.connected) {
      resolve();
      return;
    }
    process.send(report, () => {
      if (process.connected) process.disconnect();
      resolve();
    });
  });
}

/** True while a process with this id runs. One that has ended and waits to be collected by its parent does not. */
export function isRunning(pid: number): boolean {
  // Where there is no /proc, the signal's word counts.
  return process.platform === 'linux' ? inspect(pid)?.runs === true : sendSignal(pid, 0);
}
