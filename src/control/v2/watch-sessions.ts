import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SciStreamError } from '../../core/errors.js';
import { parseUid } from '../../core/identity.js';
import { Scope } from '../../core/scope.js';
import { isFinal } from '../../core/session.js';
import type { WatchSessionsRequest, WatchSessionsResponseSchema } from '../../gen/scistream/control/v2/control_pb.js';
import type { Call } from '../call.js';
import type { Facility } from '../facility.js';
import type { Session } from '../session.js';
import { unknownSession } from '../session-manager.js';
import type { CountersById } from '../traffic.js';
import { WatchQueue } from '../watch.js';
import { carriesLabels } from './list-sessions.js';
import { sessionMessage } from './session-message.js';

type Answer = MessageInitShape<typeof WatchSessionsResponseSchema>;
type Wanted = (session: Session) => boolean;

/**
 * The sessions that the caller watches, then every change of them and their traffic. Ends with the one session that was asked
 * for, with the caller, or with UNAVAILABLE when the server stops.
 */
export async function* watchSessions(
  facility: Facility,
  request: WatchSessionsRequest,
  call: Call,
): AsyncGenerator<Answer> {
  const { sessions, traffic, maxSessions } = facility;
  const { only, wanted } = choose(facility, request, call);
  // As many as live at a time and as many that have ended.
  const queue = new WatchQueue(2 * maxSessions);
  await using scope = new Scope();
  const observer = {
    changed: (session: Session) => {
      if (wanted(session)) queue.changed(session);
    },
    closed: (reason: SciStreamError) => {
      queue.close(reason);
    },
  };
  scope.use(sessions.observers.add(observer));
  for (const session of sessions.list(call.caller).filter(wanted)) queue.changed(session);
  scope.use(
    traffic.subscribe((counters) => {
      queue.traffic(counters);
    }),
  );
  for (;;) {
    const event = await queue.next(call.signal);
    if (event.kind === 'traffic') {
      yield trafficAnswer(event.counters, sessions.list(call.caller).filter(wanted));
      continue;
    }
    const message = sessionMessage(facility, event.session, call, event.session.lastCounters);
    yield { event: { case: 'session', value: message } };
    if (event.session === only && isFinal(only.state)) return;
  }
}

/** Throws INVALID_UID when the one session asked for is not there. */
function choose(
  facility: Facility,
  { uid, labels }: WatchSessionsRequest,
  { caller }: Call,
): { only: Session | undefined; wanted: Wanted } {
  const only = uid === '' ? undefined : facility.sessions.find(parseUid(uid), caller);
  const wanted: Wanted = (session) =>
    session.owner === caller.name && (only === undefined || session === only) && carriesLabels(session, labels);
  if (only && !wanted(only)) throw unknownSession(uid);
  return { only, wanted };
}

function trafficAnswer(counters: CountersById, live: readonly Session[]): Answer {
  const known = live.flatMap(({ uid, ports }) => {
    const counted = counters[ports?.id ?? ''];
    return counted ? [[uid, counted] as const] : [];
  });
  return { event: { case: 'traffic', value: { countersByUid: Object.fromEntries(known) } } };
}
