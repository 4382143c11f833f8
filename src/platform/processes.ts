import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { errnoOf } from '../core/errors.js';
import { until } from '../core/until.js';

/** Milliseconds in which the kernel must have ended what was sent SIGKILL. */
export const killedWithinMs = 10_000;

/** What /proc tells of a process. */
export interface ProcessInfo {
  readonly pid: number;
  /** File name of its program, cut to 15 characters. */
  readonly name: string;
  /** False once all of its threads have ended and it only waits to be collected by its parent. */
  readonly runs: boolean;
  readonly group: number;
  readonly session: number;
  /** When it started, in clock ticks since the machine did. */
  readonly startTicks: number;
}

/** Undefined when there is no such process, or no /proc. */
export function inspect(pid: number): ProcessInfo | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
  // The name stands in parentheses and may hold some itself.
  const [, name, rest] = /\((.*)\) (.*)/s.exec(text) ?? [];
  if (name === undefined || rest === undefined) return undefined;
  // Field 3 of proc(5), the state, is the first one of these.
  const fields = rest.split(' ');
  return {
    // The state is that of the first thread; while others end, they still hold files and sockets. Field 20 counts all of them.
    ...{ pid, name, runs: !/[ZX]/.test(fields[0] ?? '') || Number(fields[17]) > 1 },
    ...{ group: Number(fields[2]), session: Number(fields[3]), startTicks: Number(fields[19]) },
  };
}

/**
 * What tells a running process from any other that gets its id later, also after the machine was started again. Undefined
 * when it does not run, or where there is no /proc.
 */
export function identityOf(pid: number): string | undefined {
  const info = inspect(pid);
  if (!info?.runs) return undefined;
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${info.startTicks}`;
}

/** Sends a signal; a negative id means a whole group. False when there is no such process. */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
    throw error;
  }
}

/** Processes of a group that run. Needs /proc. */
export async function groupMembers(group: number): Promise<readonly ProcessInfo[]> {
  // The usual answer, without a look at every process of the machine.
  if (!sendSignal(-group, 0)) return [];
  const names = await readdir('/proc');
  return names
    .filter((name) => /^\d+$/.test(name))
    .map((name) => inspect(Number(name)))
    .filter((info) => info !== undefined)
    .filter((info) => info.group === group && info.runs);
}

/** Kills a group and resolves when nothing of it runs. Throws TIMEOUT when the kernel does not let go of it. */
export async function endGroup(group: number): Promise<void> {
  await until(`The end of the processes of group ${group}`, killedWithinMs, async () => {
    if (!sendSignal(-group, 'SIGKILL')) return true;
    // Elsewhere the group is over when the signal finds nobody.
    return process.platform === 'linux' && (await groupMembers(group)).length === 0;
  });
}
