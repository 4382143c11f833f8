import type { z } from 'zod';
import { messageOf } from './problems.js';
import type { Report } from './protocol.js';

/** Runs one of the demo's two applications with the settings of its command line; a failure is one sentence on stderr. */
export async function runApplication<T>(schema: z.ZodType<T>, work: (settings: T) => Promise<void>): Promise<void> {
  // Neither outlives the demo, however that ends. Until then the open channel keeps the process, and so its socket, alive.
  process.once('disconnect', () => process.exit());
  try {
    await work(schema.parse(JSON.parse(process.argv[2] ?? '')));
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(1);
  }
}

export function report(message: Report): void {
  process.send?.(message);
}
