import { randomUUID } from 'node:crypto';
import type { Endpoint } from '../core/endpoint.js';
import { show } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import type { Role } from '../core/identity.js';
import type { PortRange } from '../core/port-range.js';
import { Scope } from '../core/scope.js';
import type { Logger } from '../observe/logger.js';
import type { Protection, Transport } from '../core/protection.js';
import type { Secret } from '../core/secret.js';
import type { Engine, EngineKind, EngineSettings } from './engines/engine.js';
import { PortPool } from './ports.js';
import { Reservation, type Change } from './reservation.js';
import { findType, type DataServerType } from './types.js';

export interface AgentOptions {
  /** Where the data listeners are opened. */
  listenerIp: string;
  portRange: PortRange;
  engines: Omit<EngineSettings, 'logger'>;
  logger: Logger;
}

export interface ReserveOptions {
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

/** Owns the ports of one gateway node and the forwarders on it. */
export class Agent implements AsyncDisposable {
  readonly ports: PortPool;
  readonly #listenerIp: string;
  readonly #logger: Logger;
  readonly #settings: EngineSettings;
  /** Started when first needed. */
  readonly #engines = new Map<EngineKind, Promise<Engine>>();
  readonly #reservations = new Map<string, Reservation>();

  constructor({ listenerIp, portRange, engines, logger }: AgentOptions) {
    this.#listenerIp = listenerIp;
    this.#logger = logger;
    this.#settings = { ...engines, logger };
    this.ports = new PortPool(listenerIp, portRange);
  }

  /** Everything is checked before the first port is taken, and nothing stays taken when it fails. */
  async reserve(options: ReserveOptions): Promise<Reservation> {
    const { role, transport, maxRate } = options;
    const type = findType(options.type);
    const protection = protectionFor(type, options);
    assertCapable(type, maxRate);
    const engine = await this.#engine(type.engineKind);
    const id = randomUUID();
    const scope = new Scope();
    const lease = scope.use(await this.ports.reserve(options.numListeners, options.preferredPorts));
    const listeners: Endpoint[] = lease.ports.map((port) => ({ host: this.#listenerIp, port }));
    const logger = this.#logger.child({ reservation: id });
    const forwarder = scope.use(engine.create({ listeners, role, transport, protection, maxRate, logger }));
    const reservation = new Reservation({
      id,
      type: type.name,
      role,
      security: protection.kind,
      transport,
      maxRate,
      listeners,
      forwarder,
      scope,
    });
    reservation.annotate(options.annotations);
    this.#reservations.set(id, reservation);
    scope.defer(() => void this.#reservations.delete(id));
    logger.info({ type: type.name, listeners }, 'reserved');
    return reservation;
  }

  async update(id: string, change: Change): Promise<Reservation> {
    const reservation = this.find(id);
    if (change.maxRate !== undefined) assertCapable(findType(reservation.type), change.maxRate);
    await reservation.update(change);
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
    await Promise.all(this.list().map((reservation) => reservation[Symbol.asyncDispose]()));
    await Promise.all([...this.#engines.values()].map(async (engine) => (await engine)[Symbol.asyncDispose]()));
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

function assertCapable(type: DataServerType, maxRate: number): void {
  if (maxRate > 0 && !type.engineKind.capabilities.rate) {
    throw new SciStreamError(
      'NOT_IMPLEMENTED',
      `Data server type ${type.name} cannot limit the rate; ask without one.`,
    );
  }
}

function protectionFor(
  type: DataServerType,
  { security: wanted, transport, key }: Pick<ReserveOptions, 'security' | 'transport' | 'key'>,
): Protection {
  const { security: offered, udp } = type.engineKind.capabilities;
  const kind = wanted === '' ? offered[0] : offered.find((security) => security === wanted);
  if (!kind) {
    throw new SciStreamError(
      'NOT_IMPLEMENTED',
      `Data server type ${type.name} cannot protect a stream by ${show(wanted)}; it offers ${offered.join(', ')}.`,
    );
  }
  if (transport === 'udp' && !udp) {
    throw new SciStreamError('NOT_IMPLEMENTED', `Data server type ${type.name} forwards TCP only; ask for tcp.`);
  }
  if (kind === 'none') return { kind };
  if (transport === 'udp') {
    throw new SciStreamError('NOT_IMPLEMENTED', 'UDP streams cannot be encrypted; ask for security none.');
  }
  if (!key) {
    throw new SciStreamError('BAD_FORMAT', 'A stream protected by tls-psk needs the key that both of its ends share.');
  }
  return { kind, key };
}
