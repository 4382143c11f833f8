import { randomUUID } from 'node:crypto';
import type { Endpoint } from '../core/endpoint.js';
import { show } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import type { Role } from '../core/identity.js';
import type { PortRange } from '../core/port-range.js';
import { Scope } from '../core/scope.js';
import type { Logger } from '../observe/logger.js';
import type { Security, Targets } from './engines/engine.js';
import { PortPool } from './ports.js';
import { Reservation } from './reservation.js';
import { findType, type DataServerType } from './types.js';

export interface AgentOptions {
  /** Where the data listeners are opened. */
  listenerIp: string;
  portRange: PortRange;
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
  annotations: Readonly<Record<string, string>>;
}

/** Owns the ports of one gateway node and the forwarders on it. */
export class Agent implements AsyncDisposable {
  readonly ports: PortPool;
  readonly #listenerIp: string;
  readonly #logger: Logger;
  readonly #reservations = new Map<string, Reservation>();

  constructor({ listenerIp, portRange, logger }: AgentOptions) {
    this.#listenerIp = listenerIp;
    this.#logger = logger;
    this.ports = new PortPool(listenerIp, portRange);
  }

  /** Everything is checked before the first port is taken, and nothing stays taken when it fails. */
  async reserve(options: ReserveOptions): Promise<Reservation> {
    const type = findType(options.type);
    const security = securityFor(type, options.security);
    if (options.maxRate > 0 && !type.engineImpl.capabilities.rate) {
      throw new SciStreamError(
        'NOT_IMPLEMENTED',
        `Data server type ${type.name} cannot limit the rate; ask without one.`,
      );
    }
    const id = randomUUID();
    const scope = new Scope();
    const lease = scope.use(await this.ports.reserve(options.numListeners, options.preferredPorts));
    const listeners: Endpoint[] = lease.ports.map((port) => ({ host: this.#listenerIp, port }));
    const logger = this.#logger.child({ reservation: id });
    const forwarder = scope.use(
      type.engineImpl.create({ listeners, role: options.role, security, maxRate: options.maxRate, logger }),
    );
    const reservation = new Reservation({
      id,
      type: type.name,
      role: options.role,
      security,
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

  async update(
    id: string,
    targets: readonly Targets[],
    annotations: Readonly<Record<string, string>>,
  ): Promise<Reservation> {
    const reservation = this.find(id);
    await reservation.update(targets, annotations);
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
  }
}

function securityFor(type: DataServerType, wanted: string): Security {
  const offered = type.engineImpl.capabilities.security;
  if (wanted === '') return offered[0];
  const found = offered.find((security) => security === wanted);
  if (!found) {
    throw new SciStreamError(
      'NOT_IMPLEMENTED',
      `Data server type ${type.name} cannot protect a stream by ${show(wanted)}; it offers ${offered.join(', ')}.`,
    );
  }
  return found;
}
