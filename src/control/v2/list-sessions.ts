import type { ListSessionsRequest, Session as SessionMessage } from '../../gen/scistream/control/v2/control_pb.js';
import type { Route } from '../call.js';
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
  const wanted = Object.entries(labels);
  const chosen = facility.sessions
    .list(call.caller)
    .filter(({ identity }) => wanted.every(([key, value]) => identity.labels[key] === value));
  const sessions = chosen.map((session) =>
    sessionMessage(facility, session, call, counters.get(session.ports?.id ?? '')),
  );
  return { sessions };
};
