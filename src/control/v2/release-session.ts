import { parseUid } from '../../core/identity.js';
import type { ReleaseSessionRequest, Session as SessionMessage } from '../../gen/scistream/control/v2/control_pb.js';
import type { Route } from '../call.js';
import { unknownSession } from '../session-manager.js';
import { sessionMessage } from './session-message.js';

/** Ends a session and answers what it was, with its last counters. */
export const releaseSession: Route<ReleaseSessionRequest, { session: SessionMessage }> = async (
  facility,
  { uid, requestId },
  call,
) => {
  const session = facility.sessions.findHeld(parseUid(uid), call.caller);
  if (requestId !== '' && requestId !== session.identity.requestId) throw unknownSession(uid);
  await session.end('release', call.caller.name, 'asked for');
  return { session: sessionMessage(facility, session, call, session.lastCounters) };
};
