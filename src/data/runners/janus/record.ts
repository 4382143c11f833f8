import { rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { errnoOf } from '../../../core/errors.js';
import { readPlain, writePrivate } from '../../../platform/state-dir.js';

/** Of its file, in the reservation's folder. */
export const recordName = 'janus.json';

const schema = z.object({
  /** Of the agent that it belongs to. */
  gateway: z.string(),
  /** Finds the session while its id is not known: written before Janus is asked for one. */
  arguments: z.string(),
  /** Until then (milliseconds since the epoch) Janus may make one that it was asked for and has not answered about. */
  expectedUntil: z.number(),
  session: z.string().regex(/^\d+$/).optional(),
});

export type JanusRecord = z.infer<typeof schema>;

/** Undefined when nothing was started for this folder. A file that cannot be read names no gateway and no session. */
export async function readRecord(folder: string): Promise<JanusRecord | undefined> {
  try {
    return schema.parse(JSON.parse(await readPlain(path.join(folder, recordName))));
  } catch (error) {
    const absent = ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '');
    if (absent) return undefined;
    if (error instanceof SyntaxError || error instanceof z.ZodError)
      return { gateway: '', arguments: '', expectedUntil: 0 };
    throw error;
  }
}

export async function writeRecord(folder: string, record: JanusRecord): Promise<void> {
  await writePrivate(path.join(folder, recordName), JSON.stringify(record));
}

export async function removeRecord(folder: string): Promise<void> {
  await rm(path.join(folder, recordName), { force: true });
}
