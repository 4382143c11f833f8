import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Role } from '../core/identity.js';
import { parseRole } from '../core/identity.js';
import type { Session } from '../gen/scistream/control/v2/control_pb.js';
import type { Counters } from '../gen/scistream/data/v1/data_pb.js';

/** Traffic of a session since it became active; a counter that the data server cannot know is absent. */
export interface Traffic {
  readonly bytesIn?: bigint;
  readonly bytesOut?: bigint;
  readonly openConnections?: bigint;
  readonly totalConnections?: bigint;
  readonly refusedConnections?: bigint;
  /** Peers that could not prove that they hold the key. */
  readonly failedHandshakes?: bigint;
  /** TCP segments sent again on the leg between the facilities. */
  readonly retransmits?: bigint;
  /** Round trip on that leg in microseconds, the mean over the open connections. */
  readonly rttUs?: bigint;
  /** Datagrams for which there was no room or no target. */
  readonly droppedDatagrams?: bigint;
}

/** One end of a stream as its control server describes it. */
export interface SessionInfo {
  readonly uid: string;
  readonly role: Role;
  /** `host:port` of the control server. */
  readonly s2cs: string;
  readonly state: string;
  /** `ip:port`; listener i forwards to `targets[i mod n]`. */
  readonly listeners: readonly string[];
  readonly targets: readonly string[];
  /** How the leg between the facilities is protected; empty when the server does not tell (version 1 only). */
  readonly security: string;
  /** tcp or udp; empty when the server does not tell (version 1 only). */
  readonly transport: string;
  readonly created?: Date;
  /** Absent: it lasts until it is released. */
  readonly expires?: Date;
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Data server type that forwards. */
  readonly engine: string;
  readonly gateway: string;
  /** Bytes per second, 0 for no limit. */
  readonly maxRate: bigint;
  readonly traffic: Traffic;
}

export function sessionInfo(session: Session, s2cs: string): SessionInfo {
  return {
    uid: session.uid,
    role: parseRole(session.role),
    s2cs,
    state: session.state,
    listeners: session.listeners,
    targets: session.targets,
    security: session.security,
    transport: session.transport,
    ...(session.created ? { created: new Date(timestampMs(session.created)) } : {}),
    ...(session.expires ? { expires: new Date(timestampMs(session.expires)) } : {}),
    owner: session.owner,
    labels: session.labels,
    engine: session.engine,
    gateway: session.gateway,
    maxRate: session.maxRate,
    traffic: session.counters ? trafficOf(session.counters) : {},
  };
}

export function trafficOf(counters: Counters): Traffic {
  const { bytesIn, bytesOut, openConnections, totalConnections, refusedConnections } = counters;
  const { failedHandshakes, retransmits, rttUs, droppedDatagrams } = counters;
  const forwarded = { bytesIn, bytesOut, openConnections, totalConnections, refusedConnections };
  const path = { failedHandshakes, retransmits, rttUs, droppedDatagrams };
  return Object.fromEntries(Object.entries({ ...forwarded, ...path }).filter(([, value]) => value !== undefined));
}
