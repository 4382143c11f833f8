import type { Clock } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import type { Role } from '../core/identity.js';
import type { SessionEvent } from '../core/session.js';
import type { Counters } from '../gen/scistream/data/v1/data_pb.js';
import type { SessionTransition } from '../observe/events.js';
import type { Gateway, Reserved } from './gateway.js';
import type { Session } from './session.js';

/** What a session is, apart from what happens to it. */
export interface SessionIdentity {
  readonly uid: string;
  readonly role: Role;
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Idempotency key of the call that opened it; empty when there was none. */
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** The address shown for its listeners where they listen on every interface; empty: the one the caller reached. */
  readonly listenerIp: string;
}

/** What is to become different about a live session; what is absent stays as it is. */
export interface SessionChange {
  readonly targets?: readonly Endpoint[] | undefined;
  /** Bytes per second, 0 for no limit. */
  readonly maxRate?: number | undefined;
  /** It ends so long from now. */
  readonly lifetimeMs?: number | undefined;
}

/** What a session needs of the facility around it. */
export interface SessionContext {
  readonly gateway: Gateway;
  readonly clock: Clock;
  /** Milliseconds within which the Hello, and then the targets, must come. */
  readonly setupTimeoutMs: number;
  readonly record: (transition: SessionTransition) => void;
  /** Something of it that its owner can see is different now; not called for its end, which `onEnd` tells. */
  readonly onChange: (session: Session) => void;
  /** It has ended and holds nothing any more. */
  readonly onEnd: (session: Session) => void;
  /** Gives ports back, however long that takes; `onDelay` is called when the data server did not do it at once. */
  readonly releaseReserved: (reserved: Reserved, onDelay: () => void) => Promise<Counters | undefined>;
  /** Something went wrong where no caller waits for it. */
  readonly onTrouble: (uid: string, error: unknown) => void;
}

/** What ends a session. */
export type EndEvent = Exclude<SessionEvent, 'hello' | 'forwarding'>;

/** Why a session ended, for whoever still asks something of it. */
export function endError(event: EndEvent, uid: string, reason: string): SciStreamError {
  switch (event) {
    case 'expire':
      return new SciStreamError('TIMEOUT', `Session ${uid} has expired: ${reason}.`);
    case 'fail':
      return new SciStreamError('SERVER_ERR', `Session ${uid} has failed: ${reason}`);
    case 'release':
      return new SciStreamError('CANCELED', `Session ${uid} was released: ${reason}.`);
  }
}
