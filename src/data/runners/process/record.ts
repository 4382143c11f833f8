import { renameSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { errnoOf } from '../../../core/errors.js';

// Ids below 2 are never those of a program that we have started: as targets of a signal they mean far more than that.
const recordForm = z.strictObject({ pid: z.int().min(2), identity: z.string(), command: z.string() });

/** What a later agent needs to know the program again. */
export type ProcessRecord = z.infer<typeof recordForm>;

const fileOf = (folder: string): string => path.join(folder, 'process.json');

/** At once, without leaving this turn of the event loop: a program of which no record tells could not be found again. */
export function writeRecord(folder: string, record: ProcessRecord): void {
  const draft = `${fileOf(folder)}.tmp`;
  writeFileSync(draft, JSON.stringify(record), { mode: 0o600 });
  renameSync(draft, fileOf(folder));
}

/** Undefined when there is none. Throws when it cannot be read or is not one of ours. */
export async function readRecord(folder: string): Promise<ProcessRecord | undefined> {
  let text: string;
  try {
    text = await readFile(fileOf(folder), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  return recordForm.parse(JSON.parse(text));
}

export async function removeRecord(folder: string): Promise<void> {
  await rm(fileOf(folder), { force: true });
}
