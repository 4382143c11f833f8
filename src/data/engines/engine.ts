import type { Endpoint } from '../../core/endpoint.js';
import type { Role } from '../../core/identity.js';
import type { Logger } from '../../observe/logger.js';

/** How the leg between two facilities is protected. */
export type Security = 'none';

/** What an engine can do; asking for anything else is refused before a port is taken. */
export interface Capabilities {
  /** The first one is the default. */
  readonly security: readonly [Security, ...Security[]];
  readonly udp: boolean;
  readonly rate: boolean;
}

export interface ForwarderOptions {
  /** Reserved for this forwarder; it opens them with the first update. */
  readonly listeners: readonly Endpoint[];
  readonly role: Role;
  readonly security: Security;
  /** Bytes per second for all connections together; 0 means no limit. */
  readonly maxRate: number;
  readonly logger: Logger;
}

/** The targets of one listener; connections are spread over them in turn. */
export type Targets = readonly [Endpoint, ...Endpoint[]];

/** Sums over all connections since the start. A counter that the engine cannot know is absent, not zero. */
export interface Counters {
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  readonly openConnections?: number;
  readonly totalConnections?: number;
  readonly refusedConnections?: number;
}

/** Forwards the connections of one reservation. Disposing closes listeners and connections. */
export interface Forwarder extends AsyncDisposable {
  /**
   * Points listener i at `targets[i]`. The first call opens the listeners, all or none; later ones concern new connections
   * only. Throws NO_RESOURCE when a reserved port was taken by somebody else in the meantime.
   */
  update(targets: readonly Targets[]): Promise<void>;
  counters(): Counters;
}

/** How bytes are forwarded. Adding an engine is one folder beside this file and one line in registry.ts. */
export interface Engine {
  readonly capabilities: Capabilities;
  /** Makes a forwarder without side effects. */
  create(options: ForwarderOptions): Forwarder;
}
