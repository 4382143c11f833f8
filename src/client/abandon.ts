import { toSciStreamError } from '../core/errors.js';
import type { ControlClient } from './control-client.js';

const abandonTimeoutMs = 5_000;

/**
 * Releases what a failed or given-up call may have opened. The caller's own signal does not count any more, and neither does
 * a failure: the first error is the one to report.
 */
export async function abandon(client: ControlClient, session: { uid: string; requestId?: string }): Promise<void> {
  await client.releaseSession(session, AbortSignal.timeout(abandonTimeoutMs)).catch(() => undefined);
}

/** True when the server may have opened a session although its answer did not arrive. */
export function isAmbiguous(error: unknown): boolean {
  return ['CANCELED', 'TIMEOUT', 'CONN_ERROR'].includes(toSciStreamError(error).code);
}
