const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface Stop {
  readonly signal: AbortSignal;
  /** Of a program that was stopped by a signal. */
  readonly exitCode: number | undefined;
}

/**
 * Aborts with the first signal. Further ones change nothing, as npm hands a Ctrl-C on that the terminal has already sent,
 * and the clean-up must not be cut short; it takes a bounded time.
 */
export function stopOnSignals(): Stop {
  const controller = new AbortController();
  let exitCode: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      exitCode ??= exitCodes[name];
      controller.abort(new Error(`Stopped by ${name}.`));
    });
  }
  // A terminal that has been closed must not keep the clean-up from running either.
  for (const out of [process.stdout, process.stderr]) out.on('error', () => undefined);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
  };
}
