import { randomBytes } from 'node:crypto';
import { show } from '../core/endpoint.js';
import { Deadline } from '../core/deadline.js';
import { orAborted } from '../core/deferred.js';
import { messageOf, SciStreamError } from '../core/errors.js';
import type { Role } from '../core/identity.js';
import type { PortRange } from '../core/port-range.js';
import { Retries } from '../core/retry.js';
import { Scope } from '../core/scope.js';
import type { Logger } from '../observe/logger.js';
import type { Transport } from '../core/protection.js';
import type { Secret } from '../core/secret.js';
import { assertCapable, protectionFor } from './demands.js';
import { Endings } from './endings.js';
import type { Engine, EngineKind, EngineSettings, Forwarder, ForwarderOptions } from './engines/engine.js';
import { PortPool, type PortLease } from './ports.js';
import { Reservation, type Change } from './reservation.js';
import { Records, type ReservationRecord } from './records.js';
import type { ProgramRunner } from './runners/runner.js';
import { createRunners, type RunnerOptions } from './runners/registry.js';
import { DataServerTypes, type DataServerType, type TypeSettings } from './types.js';

export interface AgentOptions {
  /** Where the data listeners are opened. */
  listenerIp: string;
  portRange: PortRange;
  engines: Omit<EngineSettings, 'logger'>;
  runners: Omit<RunnerOptions, 'logger'>;
  types: TypeSettings;
  logger: Logger;
}

export interface ReserveOptions {
  /** Of the session, as somebody sent it: for people to read. */
  uid?: string | undefined;
  type: string;
  role: Role;
  numListeners: number;
  preferredPorts: readonly number[];
  /** Bytes per second, 0 for no limit. */
  maxRate: number;
  /** Empty: the type's default. */
  security: string;
  key: Secret | undefined;
  transport: Transport;
  annotations: Readonly<Record<string, string>>;
}

/** Each starts a program to check its configuration. */
const revivedAtOnce = 4;
/** Milliseconds for a forwarder to end its program itself. */
const disposalMs = 30_000;

type StreamOptions = Omit<ForwarderOptions, 'listeners' | 'released' | 'logger'>;

/** Owns the ports of one gateway node and the forwarders on it. */
export class Agent implements AsyncDisposable {
  readonly ports: PortPool;
  readonly types: DataServerTypes;
  readonly #listenerIp: string;
  readonly #logger: Logger;
  readonly #settings: EngineSettings;
  /** Started when first needed. */
  readonly #engines = new Map<EngineKind, Promise<Engine>>();
  readonly #reservations = new Map<string, Reservation>();
  /** Those whose programs may have outlived an agent. */
  readonly #runners: readonly ProgramRunner[];
  readonly #records: Records;
  /** What `restore` leaves to `revive`. */
  readonly #restored: (() => Promise<void>)[] = [];
  readonly #endings: Endings;
  readonly #retries = new Retries();
  #reviving: Promise<void> | undefined;

  constructor({ listenerIp, portRange, engines, runners, types, logger }: AgentOptions) {
    this.#listenerIp = listenerIp;
    this.#logger = logger;
    this.#settings = { ...engines, logger };
    this.ports = new PortPool(listenerIp, portRange);
    const { embedded, ...programRunners } = createRunners({ ...runners, logger });
    this.types = new DataServerTypes({ embedded, ...programRunners }, types);
    this.#runners = Object.values(programRunners);
    this.#records = new Records(runners.folder, logger);
    this.#endings = new Endings(this.#records, this.#retries, logger);
  }

  /** Takes back the reservations of the agent before this one, with their ports: to be done before the first call is answered. */
  async restore(): Promise<void> {
    for (const record of await this.#records.all()) {
      try {
        this.#restored.push(await this.#takeBack(record));
      } catch (error) {
        this.#logger.error({ reservation: record.id, reason: messageOf(error) }, 'a stream could not be taken over');
        await this.#records.remove(record.id);
      }
    }
  }

  /** In the background, takes over the programs of these reservations, several at a time, and ends those that nobody knows any more. */
  revive(): void {
    this.#reviving = this.#reviveAll();
  }

  async #reviveAll(): Promise<void> {
    const waiting = this.#restored.splice(0);
    const next = async (): Promise<void> => {
      for (let work = waiting.shift(); work; work = waiting.shift()) await work();
    };
    await Promise.all(Array.from({ length: revivedAtOnce }, next));
    const isKnown = (id: string): boolean => this.#reservations.has(id);
    await Promise.all(this.#runners.map((runner) => this.#endings.endUnknown(runner, isKnown)));
  }

  /** Everything is checked before the first port is taken, and nothing stays taken when it fails. */
  async reserve({ annotations, ...options }: ReserveOptions): Promise<Reservation> {
    const { uid, role, transport, maxRate } = options;
    const type = this.types.find(options.type);
    const protection = protectionFor(type, options);
    await assertCapable(type, maxRate);
    const lease = await this.ports.reserve(options.numListeners, options.preferredPorts);
    const stream = { id: newId(), uid, role, transport, protection, maxRate };
    const reservation = await this.#open(type, stream, lease);
    reservation.annotate(annotations);
    try {
      await this.#record(reservation);
    } catch (error) {
      await reservation[Symbol.asyncDispose]();
      throw error;
    }
    this.#logger.info({ reservation: reservation.id, type: type.name, listeners: reservation.listeners }, 'reserved');
    return reservation;
  }

  async update(id: string, change: Change): Promise<Reservation> {
    const reservation = this.find(id);
    if (change.maxRate !== undefined) await assertCapable(reservation.type, change.maxRate);
    await reservation.update(change);
    await this.#record(reservation);
    return reservation;
  }

  async release(id: string): Promise<Reservation> {
    const reservation = this.find(id);
    await reservation[Symbol.asyncDispose]();
    return reservation;
  }

  /** Throws INVALID_UID when there is none. */
  find(id: string): Reservation {
    const reservation = this.#reservations.get(id);
    if (!reservation) throw new SciStreamError('INVALID_UID', `No reservation ${show(id)} on this gateway.`);
    return reservation;
  }

  list(): readonly Reservation[] {
    return [...this.#reservations.values()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using scope = new Scope();
    for (const engine of this.#engines.values()) scope.defer(async () => (await engine)[Symbol.asyncDispose]());
    scope.use(this.#retries);
    scope.defer(() => this.#reviving);
    // A start that fails leaves the streams of the agent before to the next one.
    if (!this.#reviving) return;
    await Promise.allSettled(this.list().map((reservation) => reservation[Symbol.asyncDispose]()));
  }

  /** Owns the lease, also when it fails. */
  async #open(
    type: DataServerType,
    stream: StreamOptions,
    lease: PortLease,
    found: Pick<ReservationRecord, 'targets' | 'annotations'> = { targets: [], annotations: {} },
  ): Promise<Reservation> {
    try {
      const engine = await this.#engine(type.engineKind);
      const listeners = lease.ports.map((port) => ({ host: this.#listenerIp, port }));
      const logger = this.#logger.child({ reservation: stream.id });
      const released = new AbortController();
      const forwarder = engine.create({ ...stream, listeners, released: released.signal, logger });
      const free = (): Promise<void> => this.#free(reservation, forwarder, lease);
      const reservation = new Reservation({ ...stream, ...found, type, listeners, forwarder, released, free });
      this.#reservations.set(stream.id, reservation);
      return reservation;
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }

  async #free(reservation: Reservation, forwarder: Forwarder, lease: PortLease): Promise<void> {
    const { id, type } = reservation;
    const { programs } = type;
    this.#reservations.delete(id);
    if (!programs) {
      try {
        await forwarder[Symbol.asyncDispose]();
      } finally {
        lease[Symbol.dispose]();
      }
      return;
    }
    this.#endings.claim(id);
    try {
      // What is not ended when this process dies now, is ended by the next one.
      await this.#records.giveUp(reservation.record());
    } catch (error) {
      this.#logger.error(
        { reservation: id, reason: messageOf(error) },
        'that a stream is being ended cannot be recorded',
      );
    }
    try {
      using deadline = new Deadline(disposalMs);
      await orAborted(Promise.resolve(forwarder[Symbol.asyncDispose]()), deadline.signal);
    } catch (error) {
      this.#logger.warn({ reservation: id, reason: messageOf(error) }, 'a program did not end as it should');
    }
    await this.#endings.end(id, programs, lease);
  }

  async #record(reservation: Reservation): Promise<void> {
    if (reservation.type.programs) await reservation.unlessReleased(() => this.#records.write(reservation.record()));
  }

  /** Answers how it goes on. */
  async #takeBack({ listeners, targets, annotations, security, key, ...record }: ReservationRecord) {
    const { id, uid, role, transport, maxRate } = record;
    const type = this.types.find(record.type);
    const { programs } = type;
    const ports = listeners.map(({ port }) => port);
    // It was being released, or carried nothing yet.
    if (targets.length === 0 && programs) {
      const lease = this.ports.claim(ports);
      this.#endings.claim(id);
      return () => this.#endings.end(id, programs, lease);
    }
    const protection = protectionFor(type, { security, transport, key });
    const lease = this.ports.claim(ports);
    const stream = { id, uid, role, transport, protection, maxRate };
    const reservation = await this.#open(type, stream, lease, { targets, annotations });
    return () => this.#revive(reservation);
  }

  /** It is a reservation like all others meanwhile: what was started for it flows on without us. */
  async #revive(reservation: Reservation): Promise<void> {
    const { id, type } = reservation;
    const resume = async (): Promise<void> => {
      await reservation.resume();
      this.#logger.info({ reservation: id, type: type.name }, 'a stream was taken over');
    };
    await this.#retries.attempt(resume, (error) => {
      this.#logger.error({ reservation: id, reason: messageOf(error) }, 'a stream could not be taken over yet');
    });
  }

  #engine(kind: EngineKind): Promise<Engine> {
    const known = this.#engines.get(kind);
    if (known) return known;
    const starting = kind.start(this.#settings);
    this.#engines.set(kind, starting);
    // One that could not start is tried again with the next reservation.
    starting.catch(() => this.#engines.delete(kind));
    return starting;
  }
}

/** Short, as it is part of the paths of Unix sockets, which have little room; never used again. */
function newId(): string {
  return randomBytes(8).toString('hex');
}
