import type { ProgramRunner } from '../../src/data/runners/runner.js';

/** Ends what a runner has left, as an agent does that starts, but for the reservations in `kept`. */
export async function endLeft(runner: ProgramRunner, kept: readonly string[] = []): Promise<void> {
  for (const id of await runner.left()) if (!kept.includes(id)) await runner.end(id);
}
