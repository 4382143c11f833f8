import type { MessageInitShape } from '@bufbuild/protobuf';
import { formatEndpoint, parseEndpoints } from '../../core/endpoint.js';
import { parseRole, parseUid } from '../../core/identity.js';
import type { ResponseSchema, UpdateTargets } from '../../gen/scistream_pb.js';
import type { Route } from '../call.js';
import { presentListeners } from '../facility.js';
import { assertRole } from '../session.js';

/** Points the session's listeners at targets; open connections stay where they are. */
export const update: Route<UpdateTargets, MessageInitShape<typeof ResponseSchema>> = async (
  facility,
  request,
  call,
) => {
  const uid = parseUid(request.uid);
  const role = parseRole(request.role);
  const targets = parseEndpoints(request.remoteListeners);
  const session = facility.sessions.find(uid, call.caller);
  assertRole(session, role);
  await session.update({ targets }, call.caller.name);
  const { listeners } = await session.reservation(call.signal);
  return {
    listeners: presentListeners(listeners, session.identity.listenerIp, call.reachedAt).map(formatEndpoint),
    prodListeners: session.targets.map(formatEndpoint),
  };
};
