import type { Endpoint } from '../../../core/endpoint.js';
import type { Protection, Transport } from '../../../core/protection.js';
import type { Logger } from '../../../observe/logger.js';
import type { Place, Program, Running } from '../../runners/runner.js';
import type { Capabilities, ConnectionInfo, Counters, Targets } from '../engine.js';

/** A listener and where its connections go. Names of targets have been looked up: templates see IP addresses only. */
export interface ProxyStream {
  readonly listener: Endpoint;
  readonly targets: Targets;
}

/** All that a configuration may depend on: parsed values, never a user's text. */
export interface ProxySettings {
  /** Where the program finds its files. */
  readonly folder: string;
  readonly streams: readonly ProxyStream[];
  /** Which leg runs between the facilities, and is protected if any. */
  readonly wan: 'listener' | 'target';
  readonly transport: Transport;
  readonly protection: Protection;
  /** Bytes per second, 0 for no limit. */
  readonly maxRate: number;
  readonly workers: number;
  readonly bufferSize: number;
  /** Milliseconds; 0: never. */
  readonly idleTimeoutMs: number;
}

/** A file beside the configuration, such as a key: written 0600. */
export interface ProxyFile {
  readonly name: string;
  readonly content: string;
}

/** One of the approved proxies: how it is configured, started and spoken to. */
export interface ProxyKind {
  readonly program: Program;
  readonly capabilities: Capabilities;
  /** Template and configuration have the same name, but for the `.j2`. */
  readonly template: `${string}.j2`;
  /** Values for the template; of strings only IP addresses, names of ours and paths of ours. */
  values(settings: ProxySettings): Readonly<Record<string, unknown>>;
  files(settings: ProxySettings): readonly ProxyFile[];
  arguments(configuration: string, folder: string): readonly string[];
  checkArguments?(configuration: string, folder: string): readonly string[];
  /** Called before each start, when none runs: removes what one that was killed has left and a new one would stumble over. */
  prepare?(place: Place): Promise<void>;
  /** Speaks with one that was started or adopted; called again after a restart. */
  control(options: ProxyControlOptions): ProxyControl;
}

export interface ProxyControlOptions {
  readonly place: Place;
  readonly running: Running;
  /** An earlier agent has started it. */
  readonly adopted: boolean;
  readonly settings: ProxySettings;
  /** Gets what the program writes into files, at debug level; what it prints is the runner's. */
  readonly logger: Logger;
}

/** The conversation with a running proxy. Disposing ends the conversation, not the proxy. */
export interface ProxyControl extends AsyncDisposable {
  /** Resolves when the program itself says that it serves. `signal` is the deadline. */
  ready(signal: AbortSignal): Promise<void>;
  /**
   * Makes new connections follow `settings`, while open ones stay. The configuration on disk says the same already and has
   * been checked. Resolves when it is so. Throws SERVER_ERR.
   */
  apply(settings: ProxySettings): Promise<void>;
  snapshot(): Promise<Snapshot>;
}

/** What a program tells of one moment. */
export interface Snapshot {
  /** Since it started, as well as can be known: an estimate may be lower the next time. What it cannot know is absent. */
  readonly counters: Counters;
  /** Those that are open; empty where it cannot know. */
  readonly connections: readonly ConnectionInfo[];
}
