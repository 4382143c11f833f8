import { systemClock, type Clock } from './clock.js';
import { Deferred, orAborted } from './deferred.js';

/** Resolves after so many milliseconds, or at once when `signal` aborts. Never keeps the process alive. */
export async function passed(ms: number, signal: AbortSignal, clock: Clock = systemClock): Promise<void> {
  const over = new Deferred<void>();
  const timer = clock.after(ms, over.resolve);
  await orAborted(over.promise, signal).catch(() => undefined);
  timer[Symbol.dispose]();
}
