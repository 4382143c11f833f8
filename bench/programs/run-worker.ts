import type { z } from 'zod';
import { messageOf } from '../../src/core/errors.js';

/** Runs one of the benchmark's small programs with the settings of its command line; a failure is one sentence on stderr. */
export async function runWorker<T>(schema: z.ZodType<T>, work: (settings: T) => Promise<void>): Promise<void> {
  // None outlives the benchmark, however that ends. Until then the open channel keeps the process alive.
  process.once('disconnect', () => process.exit());
  try {
    await work(schema.parse(JSON.parse(process.argv[2] ?? '')));
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(1);
  }
}

export function report(message: number | object): void {
  process.send?.(message);
}
