import { readlink } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../../../core/errors.js';
import { until } from '../../../core/until.js';
import { groupMembers, inspect, killedWithinMs, sendSignal, type ProcessInfo } from '../../../platform/processes.js';
import type { ProcessRecord } from './record.js';

/** To which the kernel cuts a program's name. */
const longestName = 15;

/**
 * Ends what a program of an earlier agent has left whose main process is dead: nginx's workers would serve on. Throws TIMEOUT
 * when it cannot be ended.
 */
export async function endLeftovers(record: ProcessRecord, folder: string): Promise<void> {
  await until(`The end of what ${record.command} has left`, killedWithinMs, async () => {
    const left = await leftovers(record, folder);
    for (const { pid } of left) sendSignal(pid, 'SIGKILL');
    return left.length === 0;
  });
}

async function leftovers({ pid, command }: ProcessRecord, folder: string): Promise<readonly ProcessInfo[]> {
  // An id is not given away while a group has it: if another process has it, nothing of ours is left.
  if (inspect(pid)?.runs) return [];
  const members = (await groupMembers(pid)).filter(({ session }) => session === pid);
  const ours = await Promise.all(members.map((member) => isOurs(member, command, folder)));
  return members.filter((_, index) => ours[index]);
}

/** The group's id alone proves nothing: it may have become that of a stranger's group in the meantime. */
async function isOurs({ pid, name }: ProcessInfo, command: string, folder: string): Promise<boolean> {
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === folder;
  } catch (error) {
    // Workers that have changed their user are hidden from a root that may not trace.
    return errnoOf(error) === 'EACCES' && name === path.basename(command).slice(0, longestName);
  }
}
