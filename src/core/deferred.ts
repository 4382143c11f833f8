import { SciStreamError } from './errors.js';

/** A promise together with the functions that settle it. (`Promise.withResolvers` needs Node 22.) */
export class Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;

  constructor() {
    let resolve!: (value: T) => void;
    let reject!: (reason: unknown) => void;
    this.promise = new Promise((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    // Who waits still sees the rejection; that nobody waits yet is no defect.
    this.promise.catch(() => undefined);
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** Waits for `promise` until `signal` aborts; then throws the signal's reason. The promise itself goes on. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  const aborted = new Deferred<never>();
  const onAbort = (): void => {
    aborted.reject(abortReason(signal));
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Why a signal aborted, as one of our errors. */
export function abortReason(signal: AbortSignal): SciStreamError {
  const reason: unknown = signal.reason;
  if (reason instanceof SciStreamError) return reason;
  const timedOut = reason instanceof Error && reason.name === 'TimeoutError';
  return timedOut
    ? new SciStreamError('TIMEOUT', 'The time allowed for this is over.', { cause: reason })
    : new SciStreamError('CANCELED', 'The operation was given up.', { cause: reason });
}

/** Resolves when `signal` aborts. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
