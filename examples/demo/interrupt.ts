const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Why the demo stops when the user or the system asked it to. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: keyof typeof exitCodes) {
    super(`Stopped by ${signal}.`);
    this.exitCode = exitCodes[signal];
  }
}

/**
 * Aborts with the first signal. Further ones change nothing, as npm hands a Ctrl-C on that the terminal has already sent,
 * and the clean-up must not be cut short; it takes a bounded time.
 */
export function stopOnSignals(): AbortController {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      stop.abort(new Interrupted(signal));
    });
  }
  // A terminal that has been closed must not keep the clean-up from running either.
  for (const out of [process.stdout, process.stderr]) out.on('error', () => undefined);
  return stop;
}
