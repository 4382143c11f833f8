import { durationMs } from '@bufbuild/protobuf/wkt';
import { parseEndpoints } from '../../core/endpoint.js';
import { SciStreamError } from '../../core/errors.js';
import { createUid, parseLabels, parseRequestId, parseRole, parseUid } from '../../core/identity.js';
import { parseTransport } from '../../core/protection.js';
import type { CreateSessionRequest, Session as SessionMessage } from '../../gen/scistream/control/v2/control_pb.js';
import type { Call, Route } from '../call.js';
import { grantListenerIp, type Facility } from '../facility.js';
import { grantProtection } from '../protection-policy.js';
import { parseLifetime, parseMaxRate, parseNumListeners, parsePreferredPorts } from '../request-fields.js';
import type { Session } from '../session.js';
import type { SessionRequest } from '../session-manager.js';
import { freshSessionMessage } from './session-message.js';

/**
 * Reserves and forwards in one go; what fails or is given up half-way leaves nothing. The same call once more, perhaps because
 * its first answer got lost, is answered with the same session.
 */
export const createSession: Route<CreateSessionRequest, { session: SessionMessage }> = async (
  facility,
  request,
  call,
) => {
  const targets = parseEndpoints(request.targets);
  const wanted = parse(facility, request, targets.length);
  const earlier = await joinEarlier(facility, request, call);
  const session = earlier ?? (await facility.sessions.open(wanted, call.caller));
  try {
    await (earlier ? earlier.active(call.signal) : session.update({ targets }, call.caller.name));
    const message = await freshSessionMessage(facility, session, call);
    call.signal.throwIfAborted();
    return { session: message };
  } catch (error) {
    // When that has to wait for the data server, why it could not be opened says more.
    await session.leave(call.caller.name).catch(() => undefined);
    throw error;
  }
};

/** The session that this request has opened or is opening. One that is ending is waited for, and is none. */
async function joinEarlier(
  { sessions }: Facility,
  { uid, requestId }: CreateSessionRequest,
  { caller, signal }: Call,
): Promise<Session | undefined> {
  for (;;) {
    const earlier = sessions.findByRequestId(requestId, caller);
    if (earlier?.ending) {
      await earlier.gone(signal);
      continue;
    }
    if (earlier && uid !== '' && uid !== earlier.uid) {
      throw new SciStreamError('ALREADY_EXISTS', `This request_id has opened session ${earlier.uid}, not ${uid}.`);
    }
    earlier?.join();
    return earlier;
  }
}

function parse(facility: Facility, request: CreateSessionRequest, targets: number): SessionRequest {
  if (request.requestId !== '') parseRequestId(request.requestId);
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
