import type { MessageInitShape } from '@bufbuild/protobuf';
import { formatEndpoint, parseEndpoints } from '../../core/endpoint.js';
import { SciStreamError } from '../../core/errors.js';
import { parseRole, parseUid } from '../../core/identity.js';
import type { AppResponseSchema, Hello } from '../../gen/scistream_pb.js';
import type { Route } from '../call.js';
import { presentListeners } from '../facility.js';

/**
 * An application announces itself, before or after its session was requested. Python clients say PROD for outbound sessions
 * too, with addresses that mean nothing there, so the role only decides whether the listeners are told.
 */
export const hello: Route<Hello, MessageInitShape<typeof AppResponseSchema>> = async (facility, request, call) => {
  const uid = parseUid(request.uid);
  const role = parseRole(request.role);
  const addresses = request.prodListeners.length === 0 ? [] : parseEndpoints(request.prodListeners);
  if (role === 'PROD' && addresses.length === 0) {
    throw new SciStreamError('BAD_FORMAT', 'A producer says Hello with at least one host:port in prod_listeners.');
  }
  const session = await facility.sessions.hello({ uid, role, addresses }, call.caller, call.signal);
  const { listeners } = await session.reservation(call.signal);
  const shown = presentListeners(listeners, session.identity.listenerIp, call.reachedAt).map(formatEndpoint);
  return { message: `Hello from ${role} received for session ${uid}.`, listeners: role === 'PROD' ? [] : shown };
};
