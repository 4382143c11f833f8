import { Socket } from 'node:net';
import { Deferred, orAborted } from '../../../core/deferred.js';
import type { Logger } from '../../../observe/logger.js';
import { eachLine, type Launched } from '../../../platform/launch.js';
import { endGroup, identityOf } from '../../../platform/processes.js';
import { lastWords } from '../words.js';
import { endLeftovers } from './leftovers.js';
import { readRecord } from './record.js';

/** Milliseconds between two looks at a process that is not our child, and so does not tell us of its end. */
const pollMs = 500;
/** Milliseconds for the last lines of a program that has ended. */
const lastLinesMs = 1_000;

/** The process that leads a program's group, ours or one of an earlier agent. */
export interface MainProcess {
  readonly pid: number;
  /** Resolves when it does not run any more. */
  readonly exited: Promise<void>;
  isRunning(): boolean;
  /** Ends what it has left of its group, once it has ended. `folder` has its record. */
  endRest(folder: string): Promise<void>;
  /** How it ended; to be asked after its end, and that of its children, who may hold its last lines. */
  reason(): Promise<string>;
}

/** One that was started just now. What it prints is read on and on: it would stand still with a full pipe. */
export function startedProcess({ child, pid }: Launched, logger: Logger): MainProcess {
  const exited = new Deferred<void>();
  const closed = new Deferred<void>();
  let lastLine = '';
  child.once('exit', () => {
    exited.resolve();
  });
  child.once('close', () => {
    closed.resolve();
  });
  // It lives on without us, so it does not keep us alive.
  child.unref();
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    eachLine(stream, (line) => {
      lastLine = line;
      logger.debug(line);
    });
    if (stream instanceof Socket) stream.unref();
  }
  const reason = async (): Promise<string> => {
    await orAborted(closed.promise, AbortSignal.timeout(lastLinesMs)).catch(() => undefined);
    // Held open by a process that has left the group.
    child.stdout?.destroy();
    child.stderr?.destroy();
    if (child.signalCode !== null) return `it was ended by ${child.signalCode}`;
    const words = lastWords(lastLine);
    return `it ended with exit code ${child.exitCode ?? 'unknown'}${words === '' ? '' : `: ${words}`}`;
  };
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  return { pid, exited: exited.promise, isRunning, endRest: () => endGroup(pid), reason };
}

/** One that an earlier agent has started: not our child, so that nobody tells us how it ends. */
export function adoptedProcess(pid: number, identity: string): MainProcess {
  const exited = new Deferred<void>();
  const isRunning = (): boolean => {
    if (identityOf(pid) === identity) return true;
    clearInterval(timer);
    exited.resolve();
    return false;
  };
  const timer = setInterval(() => {
    try {
      isRunning();
    } catch {
      // There was no descriptor to look: the next look tells.
    }
  }, pollMs).unref();
  // Its end is noticed late: the id may be that of a stranger's group by then.
  const endRest = async (folder: string): Promise<void> => {
    const record = await readRecord(folder);
    if (record) await endLeftovers(record, folder);
  };
  const reason = (): Promise<string> =>
    Promise.resolve('it ended; an earlier agent had started it, so nobody knows its exit code');
  return { pid, exited: exited.promise, isRunning, endRest, reason };
}
