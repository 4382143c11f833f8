import type { ListSessionsRequest, Session as SessionMessage } from '../../gen/scistream/control/v2/control_pb.js';
import type { Route } from '../call.js';
import type { Session } from '../session.js';
import { sessionMessage } from './session-message.js';

/** The caller's live sessions, oldest first; the counters of all of them come from one question to the gateway. */
export const listSessions: Route<ListSessionsRequest, { sessions: SessionMessage[] }> = async (
  facility,
  { labels },
  call,
) => {
  const counters = new Map(
    (await facility.gateway.list()).map((reservation) => [reservation.id, reservation.counters]),
  );
  const chosen = facility.sessions.list(call.caller).filter((session) => carriesLabels(session, labels));
  const sessions = chosen.map((session) =>
    sessionMessage(facility, session, call, counters.get(session.ports?.id ?? '')),
  );
  return { sessions };
};

/** True when the session carries all of `labels`. */
export function carriesLabels({ identity }: Session, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([key, value]) => identity.labels[key] === value);
}
