import type { SessionInfo, Traffic } from '../../client/session-info.js';
import { bytes, table } from '../output.js';

/** One line for each session. */
export function sessionTable(sessions: readonly SessionInfo[]): string {
  const rows = sessions.map((session) => {
    const { uid, role, state, s2cs, listeners, targets, traffic } = session;
    return [
      ...[uid, role, state, s2cs, listeners.join(','), targets.join(','), leg(session), rate(session.maxRate) ?? '-'],
      ...[bytes(traffic.bytesIn), bytes(traffic.bytesOut), String(traffic.openConnections ?? '-')],
    ];
  });
  const title = ['UID', 'ROLE', 'STATE', 'S2CS', 'LISTENERS', 'TARGETS', 'SECURITY', 'RATE', 'IN', 'OUT', 'OPEN'];
  return table([title, ...rows]);
}

/** All that is known of one, a name and a value each. */
export function details(session: SessionInfo): string[][] {
  const { traffic, labels } = session;
  const labelText = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return [
    ['uid', session.uid],
    ['role', session.role === 'PROD' ? 'PROD (inbound, beside the producer)' : 'CONS (outbound, beside the consumer)'],
    ['state', session.state],
    ['owner', session.owner],
    ['engine', `${session.engine} on ${session.gateway}`],
    ['listeners', session.listeners.join(', ')],
    ['targets', session.targets.join(', ')],
    ['security', session.security],
    ['transport', session.transport],
    ['rate', rate(session.maxRate) ?? 'not limited'],
    ['created', session.created?.toISOString() ?? '-'],
    ['expires', session.expires?.toISOString() ?? 'never'],
    ['labels', labelText.join(', ') || '-'],
    ['received', bytes(traffic.bytesIn)],
    ['sent back', bytes(traffic.bytesOut)],
    [
      'connections',
      `${traffic.openConnections ?? '-'} open, ${traffic.totalConnections ?? '-'} in total, ${traffic.refusedConnections ?? '-'} refused`,
    ],
    ...pathDetails(traffic),
  ];
}

/** What only some data servers know, or know of some streams. */
function pathDetails({ failedHandshakes, retransmits, rttUs, droppedDatagrams }: Traffic): string[][] {
  const known: [string, string | undefined][] = [
    ['failed handshakes', failedHandshakes?.toString()],
    ['retransmits', retransmits?.toString()],
    ['round trip', rttUs === undefined ? undefined : `${Number(rttUs) / 1000} ms`],
    ['dropped datagrams', droppedDatagrams?.toString()],
  ];
  return known.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}

/** How it ends the sentence that says where a session forwards to. */
export function limit({ maxRate }: Pick<SessionInfo, 'maxRate'>): string {
  const text = rate(maxRate);
  return text === undefined ? '' : `, at most ${text}`;
}

/** Of a leg that is not TCP it says so. */
function leg({ security, transport }: SessionInfo): string {
  return transport === 'udp' ? `${security} udp` : security || '-';
}

function rate(maxRate: bigint): string | undefined {
  return maxRate === 0n ? undefined : `${bytes(maxRate)}/s`;
}
