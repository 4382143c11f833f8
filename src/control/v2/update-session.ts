import { durationMs } from '@bufbuild/protobuf/wkt';
import { parseEndpoints } from '../../core/endpoint.js';
import { SciStreamError } from '../../core/errors.js';
import { parseRole, parseUid } from '../../core/identity.js';
import type { Session as SessionMessage, UpdateSessionRequest } from '../../gen/scistream/control/v2/control_pb.js';
import type { Route } from '../call.js';
import { parseLifetime, parseMaxRate } from '../request-fields.js';
import { assertRole } from '../session.js';
import { freshSessionMessage } from './session-message.js';

/** Gives a live session new targets, another rate or another end, all or nothing. */
export const updateSession: Route<UpdateSessionRequest, { session: SessionMessage }> = async (
  facility,
  request,
  call,
) => {
  const uid = parseUid(request.uid);
  const role = request.role === '' ? undefined : parseRole(request.role);
  const targets = request.targets.length === 0 ? undefined : parseEndpoints(request.targets);
  const lifetimeMs = parseLifetime(request.lifetime && durationMs(request.lifetime) / 1000);
  const maxRate = request.maxRate === undefined ? undefined : parseMaxRate(request.maxRate);
  if (!targets && maxRate === undefined && lifetimeMs === undefined) {
    throw new SciStreamError(
      'BAD_FORMAT',
      'An update needs new targets, a new rate, a new lifetime, or several of them.',
    );
  }
  const session = facility.sessions.find(uid, call.caller);
  if (role) assertRole(session, role);
  await session.update({ targets, maxRate, lifetimeMs }, call.caller.name);
  return { session: await freshSessionMessage(facility, session, call) };
};
