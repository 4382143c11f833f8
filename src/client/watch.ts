import type { Client } from '@connectrpc/connect';
import type { ControlService } from '../gen/scistream/control/v2/control_pb.js';
import { sessionInfo, trafficOf, type SessionInfo, type Traffic } from './session-info.js';

/** What a watch tells. */
export type WatchEvent =
  /** A session as it was when the watch began, or after a change; its state tells when it has ended. */
  | { readonly kind: 'session'; readonly session: SessionInfo }
  /** The counters of all watched live sessions, about once a second. */
  | { readonly kind: 'traffic'; readonly traffic: ReadonlyMap<string, Traffic> };

export interface WatchOptions {
  /** Only this session, until its end; absent: all of the caller's, also those that come later. */
  readonly uid?: string | undefined;
  /** Only sessions that carry all of these labels. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Ends the call when the reader stops reading as well as when `signal` aborts. */
export async function* watch(
  v2: Client<typeof ControlService>,
  s2cs: string,
  { uid = '', labels = {} }: WatchOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchEvent> {
  const over = new AbortController();
  const stop = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  try {
    // It lasts as long as somebody reads, not as long as a call may take.
    for await (const { event } of v2.watchSessions({ uid, labels: { ...labels } }, { signal: stop, timeoutMs: 0 })) {
      if (event.case === 'session') yield { kind: 'session', session: sessionInfo(event.value, s2cs) };
      if (event.case === 'traffic') {
        const traffic = Object.entries(event.value.countersByUid).map(
          ([of, counters]) => [of, trafficOf(counters)] as const,
        );
        yield { kind: 'traffic', traffic: new Map(traffic) };
      }
    }
  } finally {
    over.abort();
  }
}
