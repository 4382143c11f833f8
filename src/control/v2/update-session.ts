import { durationMs } from '@bufbuild/protobuf/wkt';
import { parseEndpoints } from '../../core/endpoint.js';
import { SciStreamError } from '../../core/errors.js';
import { parseRole, parseUid } from '../../core/identity.js';
import type { Session as SessionMessage, UpdateSessionRequest } from '../../gen/scistream/control/v2/control_pb.js';
import type { Route } from '../call.js';
import { parseLifetime } from '../request-fields.js';
import { assertRole } from '../session.js';
import { freshSessionMessage } from './session-message.js';

export const updateSession: Route<UpdateSessionRequest, { session: SessionMessage }> = async (
  facility,
  request,
  call,
) => {
  const uid = parseUid(request.uid);
  const role = request.role === '' ? undefined : parseRole(request.role);
  const targets = request.targets.length === 0 ? undefined : parseEndpoints(request.targets);
  const lifetimeMs = parseLifetime(request.lifetime && durationMs(request.lifetime) / 1000);
  if (!targets && lifetimeMs === undefined) {
    throw new SciStreamError('BAD_FORMAT', 'An update needs new targets, a new lifetime, or both.');
  }
  const session = facility.sessions.find(uid, call.caller);
  if (role) assertRole(session, role);
  if (targets) await session.update(targets, call.caller.name);
  if (lifetimeMs !== undefined) await session.extend(lifetimeMs);
  return { session: await freshSessionMessage(facility, session, call) };
};
