import type { MessageInitShape } from '@bufbuild/protobuf';
import { formatEndpoint } from '../../core/endpoint.js';
import { SciStreamError } from '../../core/errors.js';
import { parseLabels, parseRole, parseUid } from '../../core/identity.js';
import { parseTransport } from '../../core/protection.js';
import type { Request, ResponseSchema } from '../../gen/scistream_pb.js';
import type { Route } from '../call.js';
import { grantListenerIp, presentListeners, type Facility } from '../facility.js';
import { grantProtection } from '../protection-policy.js';
import { parseLifetime, parseMaxRate, parseNumListeners, parsePreferredPorts } from '../request-fields.js';
import type { SessionRequest } from '../session-manager.js';

/** Reserves listeners, then waits for the application's Hello. */
export const req: Route<Request, MessageInitShape<typeof ResponseSchema>> = async (facility, request, call) => {
  const session = await facility.sessions.open(parse(facility, request), call.caller);
  await facility.sessions.awaitHello(session, call.signal);
  const { listeners } = await session.reservation();
  const application = session.application.length > 0 ? session.application : session.targets;
  return {
    listeners: presentListeners(listeners, session.identity.listenerIp, call.reachedAt).map(formatEndpoint),
    prodListeners: session.identity.role === 'PROD' ? application.map(formatEndpoint) : [],
  };
};

function parse(facility: Facility, request: Request): SessionRequest {
  if (request.rate < 0) {
    throw new SciStreamError('BAD_FORMAT', `rate ${request.rate} must be a number of kB/s, or 0 for no limit.`);
  }
  const uid = parseUid(request.uid);
  const transport = parseTransport(request.transport);
  const { psk, security } = request;
  return {
    uid,
    role: parseRole(request.role),
    numListeners: parseNumListeners(request.numConn, facility),
    preferredPorts: parsePreferredPorts(request.preferredPorts, facility),
    listenerIp: grantListenerIp(facility, request.listenerIp),
    // `rate` itself is no wish where the operator does not make it one: every Python client sends its default.
    maxRate: parseMaxRate(request.maxRate) || (facility.enforceV1Rate ? request.rate * 1000 : 0),
    labels: parseLabels(request.labels),
    lifetimeMs: request.lifetimeSeconds === 0n ? undefined : parseLifetime(Number(request.lifetimeSeconds)),
    transport,
    ...grantProtection(facility, { uid, security, transport, psk }),
    requestId: '',
  };
}
