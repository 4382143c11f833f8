import { parseUid } from '../../core/identity.js';
import type { GetSessionRequest, Session as SessionMessage } from '../../gen/scistream/control/v2/control_pb.js';
import type { Route } from '../call.js';
import { freshSessionMessage } from './session-message.js';

export const getSession: Route<GetSessionRequest, { session: SessionMessage }> = async (facility, { uid }, call) => {
  const session = facility.sessions.findHeld(parseUid(uid), call.caller);
  return { session: await freshSessionMessage(facility, session, call) };
};
