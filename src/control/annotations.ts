import { z } from 'zod';
import { formatEndpoint, parseEndpoint, type Endpoint } from '../core/endpoint.js';
import type { Reservation } from '../gen/scistream/data/v1/data_pb.js';
import type { SessionIdentity } from './session-context.js';

/**
 * What the agent keeps for us, so that a restarted control server knows its sessions again. Never the key: the agent has it,
 * and nobody else needs it any more.
 */
const storedSession = z.object({
  uid: z.string(),
  role: z.enum(['PROD', 'CONS']),
  owner: z.string(),
  labels: z.record(z.string(), z.string()),
  requestId: z.string(),
  created: z.number(),
  listenerIp: z.string(),
  targets: z.array(z.string()),
  maxRate: z.number(),
  expires: z.number().optional(),
});

const key = 'scistream/session';

/** The part of a session that changes while it lives. */
export interface StoredProgress {
  readonly targets: readonly Endpoint[];
  /** Bytes per second, 0 for no limit. */
  readonly maxRate: number;
  /** Milliseconds since the epoch; undefined: the session never ends by itself. */
  readonly expires: number | undefined;
}

interface StoredSession {
  readonly identity: SessionIdentity;
  readonly progress: StoredProgress;
}

export function toAnnotations(
  identity: SessionIdentity,
  { targets, maxRate, expires }: StoredProgress,
): Record<string, string> {
  const stored: z.infer<typeof storedSession> = {
    ...identity,
    labels: { ...identity.labels },
    targets: targets.map(formatEndpoint),
    maxRate,
    ...(expires === undefined ? {} : { expires }),
  };
  return { [key]: JSON.stringify(stored) };
}

/** Undefined when they are not ours, or of a version that lacks what we need. What a later one has added is ignored. */
export function fromAnnotations(annotations: Readonly<Record<string, string>>): StoredSession | undefined {
  try {
    const { expires, targets, maxRate, ...identity } = storedSession.parse(JSON.parse(annotations[key] ?? ''));
    return { identity, progress: { targets: targets.map(parseEndpoint), maxRate, expires } };
  } catch {
    return undefined;
  }
}

/** A reservation and what is stored in it. */
interface Found {
  readonly reservation: Reservation;
  readonly stored: StoredSession | undefined;
}

/** All of them, the oldest session first, and of every uid the id of its newest. */
export function storedSessions(reservations: readonly Reservation[]): {
  found: readonly Found[];
  newest: ReadonlyMap<string | undefined, string>;
} {
  const found = reservations
    .map((reservation) => ({ reservation, stored: fromAnnotations(reservation.annotations) }))
    .sort((one, other) => createdAt(one) - createdAt(other));
  return { found, newest: new Map(found.map(({ stored, reservation }) => [stored?.identity.uid, reservation.id])) };
}

function createdAt({ stored }: Found): number {
  return stored?.identity.created ?? 0;
}
