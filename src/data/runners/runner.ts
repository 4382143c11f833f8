import type { Endpoint } from '../../core/endpoint.js';
import type { Transport } from '../../core/protection.js';
import type { Logger } from '../../observe/logger.js';

/** Whether something can run on this machine, and what to do when it cannot. */
export type Availability =
  | { readonly available: true; /** Of the program; absent when it cannot be known. */ readonly version?: string }
  | { readonly available: false; /** One sentence that says what to do. */ readonly reason: string };

/** A program of others that forwards. */
export interface Program {
  readonly name: 'haproxy' | 'nginx' | 'stunnel';
  /** Files by which it may be installed; the first one found is used. */
  readonly commands: readonly [string, ...string[]];
  /** Debian's packages that have all it needs. */
  readonly packages: readonly string[];
  /** Arguments that make it print its version, to either stream. */
  readonly versionArguments: readonly string[];
  /** Finds the version in what it prints, as the first group. */
  readonly versionPattern: RegExp;
}

/** A folder of one reservation, that only this user can enter. */
export interface Place {
  /** Where we write. */
  readonly folder: string;
  /** Where the program finds the same files: another path only where it runs elsewhere. */
  readonly seenAs: string;
}

/** What a proxy's engine wants run. Files are in place before it is handed to a runner. */
export interface Job {
  /** Of the reservation; safe as the name of a file or of a container. */
  readonly id: string;
  /** Of the session, as somebody sent it: for people to read, never part of a path or a name. */
  readonly uid?: string | undefined;
  readonly program: Program;
  readonly place: Place;
  /** In the foreground, with paths as the program sees them. */
  readonly arguments: readonly string[];
  /** Make it check its configuration and end; absent when the program cannot. */
  readonly checkArguments?: readonly string[];
  readonly listeners: readonly Endpoint[];
  readonly transport: Transport;
  /** Gets what the program prints, at debug level. */
  readonly logger: Logger;
}

/** A program that runs. Disposing ends it (SIGTERM, then SIGKILL) and resolves when it is gone, with all its children. */
export interface Running extends AsyncDisposable {
  /** Asks it to reload or the like. Throws SERVER_ERR when it is not there. */
  signal(name: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2'): Promise<void>;
  /** Leaves the program to somebody else: stops watching it, and does nothing to it. */
  abandon(): void;
  /** Resolves with the reason when it ends by itself; never rejects. Unresolved after disposal and when abandoned. */
  readonly ended: Promise<string>;
}

/** Where an engine's work is done: in the agent itself, or in a program that the runner starts. */
export interface Runner {
  /** Asked at start-up and by GetFacility; never throws. `program` is absent for what works in the agent itself. */
  check(program?: Program): Promise<Availability>;
}

/** Runs programs. */
export interface ProgramRunner extends Runner {
  check(program: Program): Promise<Availability>;
  /** Makes the folder for a reservation, or finds the one that an earlier agent has made. */
  place(id: string): Promise<Place>;
  /** Throws SERVER_ERR with the program's own words when it does not accept its configuration. */
  verify(job: Job): Promise<void>;
  /**
   * Starts it; whether it is ready is for the engine to find out. Throws SERVER_ERR or UNAVAILABLE saying what to do. A start
   * that takes its time is given up when `signal` aborts.
   */
  start(job: Job, signal?: AbortSignal): Promise<Running>;
  /** What an earlier agent has started for the same reservation and still runs; undefined when nothing does. */
  adopt(job: Job): Promise<Running | undefined>;
  /** The reservations of which something is there, as far as it can be known now: those of earlier agents too. */
  left(): Promise<readonly string[]>;
  /**
   * Ends what runs for a reservation, whoever started it, and removes its folder. Nothing being there is no error. Throws when
   * something stays, because what runs it is away; then it is to be called again.
   */
  end(id: string): Promise<void>;
}
