import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { errnoOf } from '../../../core/errors.js';
import { writePrivate } from '../../../platform/state-dir.js';

/** In a reservation's folder, for the agent that comes after a crash. */
const fileName = 'janus.json';

const schema = z.object({
  /** Finds the session while its id is not known: written before Janus is asked for one. */
  arguments: z.string(),
  session: z.string().regex(/^\d+$/).optional(),
});

export type JanusRecord = z.infer<typeof schema>;

/** Undefined when nothing was started for this folder. A file that cannot be read names no session. */
export async function readRecord(folder: string): Promise<JanusRecord | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path.join(folder, fileName), 'utf8')));
  } catch (error) {
    const absent = ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '');
    if (absent) return undefined;
    if (error instanceof SyntaxError || error instanceof z.ZodError) return { arguments: '' };
    throw error;
  }
}

export async function writeRecord(folder: string, record: JanusRecord): Promise<void> {
  await writePrivate(path.join(folder, fileName), JSON.stringify(record));
}

export async function removeRecord(folder: string): Promise<void> {
  await rm(path.join(folder, fileName), { force: true });
}

export function isRecord(name: string): boolean {
  return name === fileName;
}
