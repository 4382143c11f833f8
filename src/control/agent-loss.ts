import { isFinal } from '../core/session.js';
import type { Reservation } from '../gen/scistream/data/v1/data_pb.js';
import { fromAnnotations } from './annotations.js';
import type { Gateway } from './gateway.js';
import type { Session } from './session.js';

/** True when the session's stream lives on without the agent; before it has ports, when it is going to. */
export function outlivesAgent({ ports }: Session, gateway: Gateway): boolean {
  return gateway.outlivesAgent(ports?.type ?? gateway.type);
}

/** The sessions with ports that an agent after the one that gave them does not know. */
export function lostSessions(sessions: readonly Session[], found: readonly Reservation[]): Session[] {
  const ids = new Set(found.map(({ id }) => id));
  return sessions.filter(({ ports }) => ports && !ids.has(ports.id));
}

/** True for what is reserved for a session that is over. Reservations of other versions are not ours to judge. */
export function isStale({ id, annotations }: Reservation, sessions: ReadonlyMap<string, Session>): boolean {
  const stored = fromAnnotations(annotations);
  if (!stored) return false;
  const session = sessions.get(stored.identity.uid);
  return !session || isFinal(session.state) || (session.ports !== undefined && session.ports.id !== id);
}
