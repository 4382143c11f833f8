import type { Endpoint } from '../../core/endpoint.js';
import type { Role } from '../../core/identity.js';
import type { Protection, Transport } from '../../core/protection.js';
import type { Logger } from '../../observe/logger.js';

/** What an engine can do; asking for anything else is refused before a port is taken. */
export interface Capabilities {
  /** The first one is the default; each has another security. */
  readonly protection: readonly [Protection['kind'], ...Protection['kind'][]];
  readonly udp: boolean;
  /** Whether it limits rates, or from which version of its program on. */
  readonly rate: boolean | { readonly from: string };
}

export interface ForwarderOptions {
  /** Of the reservation: safe as the name of a file. */
  readonly id: string;
  /** Of the session, as somebody sent it: for people to read, never part of a path or a name. */
  readonly uid?: string | undefined;
  /** Reserved for this forwarder; it opens them with the first update. */
  readonly listeners: readonly Endpoint[];
  /** Decides which side is the leg between the facilities: PROD protects its listeners, CONS the way to its targets. */
  readonly role: Role;
  readonly transport: Transport;
  readonly protection: Protection;
  /** Bytes per second, for each direction of all connections together; 0 means no limit. */
  readonly maxRate: number;
  /** Aborts when the reservation is released: what is under way for it is of no use any more. */
  readonly released: AbortSignal;
  readonly logger: Logger;
}

/** The targets of one listener; connections are spread over them in turn. */
export type Targets = readonly [Endpoint, ...Endpoint[]];

/** Sums over all connections since the start. A counter that the engine cannot know, or not now, is absent, not zero. */
export interface Counters {
  /** Payload received on the listeners and sent to the targets. */
  readonly bytesIn?: number;
  /** Payload that went the other way. */
  readonly bytesOut?: number;
  readonly openConnections?: number;
  readonly totalConnections?: number;
  /** Closed because no target could be reached. */
  readonly refusedConnections?: number;
  /** Peers that could not prove that they hold the key. */
  readonly failedHandshakes?: number;
  /** TCP segments sent again on the leg between the facilities. */
  readonly retransmits?: number;
  /** Microseconds; mean over the open connections. */
  readonly rttUs?: number;
  /** Datagrams for which there was no room or no target. */
  readonly droppedDatagrams?: number;
}

/** One open connection, or one flow of datagrams. */
export interface ConnectionInfo {
  readonly listener: Endpoint;
  readonly client: Endpoint;
  /** Absent until one is reached. */
  readonly target?: Endpoint;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly retransmits?: number;
  readonly rttUs?: number;
}

/** Forwards the connections of one reservation. Disposing closes listeners and connections. */
export interface Forwarder extends AsyncDisposable {
  /**
   * Points listener i at `targets[i]`. The first call opens the listeners, all or none; later ones concern new connections
   * only. Throws NO_RESOURCE when a reserved port was taken by somebody else in the meantime.
   */
  update(targets: readonly Targets[]): Promise<void>;
  /** Changes the limit of all connections, open ones too. Bytes per second, 0 for none. Asked of engines with `rate` only. */
  limit(maxRate: number): Promise<void>;
  counters(): Counters;
  /** Every open connection; empty where the engine cannot know. */
  connections(): readonly ConnectionInfo[];
}

/** What the operator decides for all forwarders of a kind of engine. */
export interface EngineSettings {
  /** Threads that forward. */
  readonly workers: number;
  /** Use Node's own sockets even where the system offers more. */
  readonly portable: boolean;
  /** Bytes that one direction of a connection may hold. */
  readonly bufferSize: number;
  /** SO_SNDBUF and SO_RCVBUF in bytes; 0 leaves them to the system, which adapts them. */
  readonly socketBuffer: number;
  /** Milliseconds after which a silent connection is closed; 0: never. */
  readonly idleTimeoutMs: number;
  /** Where an operator keeps templates of configurations that replace ours. */
  readonly templateDir?: string | undefined;
  /** Check every native call for writes out of bounds: slow, for tests. */
  readonly debugMemory?: boolean;
  readonly logger: Logger;
}

/** An engine at work: what its forwarders share. Disposed after them. */
export interface Engine extends AsyncDisposable {
  /** Makes a forwarder without side effects. */
  create(options: ForwarderOptions): Forwarder;
}

/** How bytes are forwarded. Adding one is a folder beside this file and a line in registry.ts. */
export interface EngineKind {
  readonly capabilities: Capabilities;
  /** Called once, when the first reservation needs it. */
  start(settings: EngineSettings): Promise<Engine>;
}
