/**
 * What went wrong, the cause of all first: why the demo was stopped says more than what that interrupted. Then whatever
 * could not be released.
 */
export function problems(error: unknown, stopped: AbortSignal): unknown[] {
  const [first, ...releasing] = unfold(error);
  return [stopped.aborted ? stopped.reason : first, ...releasing];
}

/** `await using` wraps an error in what failed while it was on its way. (`instanceof SuppressedError` needs Node 24.) */
function unfold(error: unknown): unknown[] {
  return error instanceof Error && 'suppressed' in error && 'error' in error
    ? [...unfold(error.suppressed), error.error]
    : [error];
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
