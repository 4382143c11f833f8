import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { formatEndpoint } from '../../core/endpoint.js';
import { SessionSchema, type Session as SessionMessage } from '../../gen/scistream/control/v2/control_pb.js';
import type { Counters } from '../../gen/scistream/data/v1/data_pb.js';
import type { Call } from '../call.js';
import { presentListeners, type Facility } from '../facility.js';
import type { Session } from '../session.js';

/** A session as its owner sees it; `counters` as the gateway just gave them. */
export function sessionMessage(
  facility: Facility,
  session: Session,
  { reachedAt }: Pick<Call, 'reachedAt'>,
  counters: Counters | undefined,
): SessionMessage {
  const { uid, role, owner, labels, created, listenerIp } = session.identity;
  const { listeners = [], security = '', transport = '' } = session.ports ?? {};
  return create(SessionSchema, {
    uid,
    role,
    owner,
    labels: { ...labels },
    state: session.state,
    engine: session.ports?.type ?? facility.gateway.type,
    gateway: facility.gatewayName,
    listeners: presentListeners(listeners, listenerIp, reachedAt).map(formatEndpoint),
    targets: session.targets.map(formatEndpoint),
    security,
    transport,
    maxRate: BigInt(session.maxRate),
    created: timestampFromMs(created),
    ...(session.expires === undefined ? {} : { expires: timestampFromMs(session.expires) }),
    ...(counters ? { counters } : {}),
    lastError: session.lastError,
  });
}

/** The same with counters fetched for this one session, while there are new ones. */
export async function freshSessionMessage(facility: Facility, session: Session, call: Call): Promise<SessionMessage> {
  const [reservation] = session.ports && !session.ending ? await facility.gateway.list(session.ports.id) : [];
  return sessionMessage(facility, session, call, reservation?.counters);
}
