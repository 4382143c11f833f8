import { durationMs } from '@bufbuild/protobuf/wkt';
import { parseEndpoints } from '../../core/endpoint.js';
import { SciStreamError } from '../../core/errors.js';
import { createUid, parseLabels, parseRole, parseUid } from '../../core/identity.js';
import { parseTransport } from '../../core/protection.js';
import type { CreateSessionRequest, Session as SessionMessage } from '../../gen/scistream/control/v2/control_pb.js';
import type { Call, Route } from '../call.js';
import { grantListenerIp, type Facility } from '../facility.js';
import { grantProtection } from '../protection-policy.js';
import { parseLifetime, parseMaxRate, parseNumListeners, parsePreferredPorts } from '../request-fields.js';
import type { Session } from '../session.js';
import type { SessionRequest } from '../session-manager.js';
import { freshSessionMessage } from './session-message.js';

/** Reserves and forwards in one go; what fails or is given up half-way leaves nothing. */
export const createSession: Route<CreateSessionRequest, { session: SessionMessage }> = async (
  facility,
  request,
  call,
) => {
  const targets = parseEndpoints(request.targets);
  const wanted = parse(facility, request, targets.length);
  const earlier = facility.sessions.findByRequestId(wanted.requestId, call.caller);
  if (earlier) return { session: await repeated(facility, request, earlier, call) };
  const session = await facility.sessions.open(wanted, call.caller);
  try {
    await session.update({ targets }, call.caller.name);
    const message = await freshSessionMessage(facility, session, call);
    call.signal.throwIfAborted();
    return { session: message };
  } catch (error) {
    // When that has to wait for the data server, why it could not be opened says more.
    await session.end('release', call.caller.name, 'it could not be opened').catch(() => undefined);
    throw error;
  }
};

/** The same call once more, perhaps because its first answer got lost. */
async function repeated(
  facility: Facility,
  { uid }: CreateSessionRequest,
  earlier: Session,
  call: Call,
): Promise<SessionMessage> {
  if (uid !== '' && uid !== earlier.uid) {
    throw new SciStreamError('ALREADY_EXISTS', `This request_id has opened session ${earlier.uid}, not ${uid}.`);
  }
  await earlier.active(call.signal);
  return freshSessionMessage(facility, earlier, call);
}

function parse(facility: Facility, request: CreateSessionRequest, targets: number): SessionRequest {
  if (request.requestId !== '') parseUid(request.requestId);
  const uid = request.uid === '' ? createUid() : parseUid(request.uid);
  const transport = parseTransport(request.transport);
  const { psk, security } = request;
  return {
    uid,
    role: parseRole(request.role),
    numListeners: parseNumListeners(request.numConn === 0 ? targets : request.numConn, facility),
    preferredPorts: parsePreferredPorts(request.preferredPorts, facility),
    listenerIp: grantListenerIp(facility, request.listenerIp),
    maxRate: parseMaxRate(request.maxRate),
    labels: parseLabels(request.labels),
    lifetimeMs: parseLifetime(request.lifetime && durationMs(request.lifetime) / 1000),
    transport,
    ...grantProtection(facility, { uid, security, transport, psk }),
    requestId: request.requestId,
  };
}
