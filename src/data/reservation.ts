import type { Endpoint } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import type { Role } from '../core/identity.js';
import type { Scope } from '../core/scope.js';
import { Serial } from '../core/serial.js';
import { securityOf, type Protection, type Transport } from '../core/protection.js';
import type { ConnectionInfo, Counters, Forwarder, Targets } from './engines/engine.js';
import type { ReservationRecord } from './records.js';
import type { DataServerType } from './types.js';

interface ReservationParts {
  id: string;
  type: DataServerType;
  role: Role;
  protection: Protection;
  transport: Transport;
  maxRate: number;
  listeners: readonly Endpoint[];
  /** Empty for a new one. */
  targets: readonly Targets[];
  annotations: Readonly<Record<string, string>>;
  forwarder: Forwarder;
  /** Owns ports and forwarder. */
  scope: Scope;
}

/** What an update changes; what is empty or undefined stays as it is. */
export interface Change {
  readonly targets: readonly Targets[];
  readonly annotations: Readonly<Record<string, string>>;
  /** Bytes per second, 0 for no limit. */
  readonly maxRate: number | undefined;
}

/** Ports of one session and what forwards on them. Operations on it run one after the other. */
export class Reservation implements AsyncDisposable {
  readonly id: string;
  readonly type: DataServerType;
  readonly role: Role;
  readonly protection: Protection;
  readonly transport: Transport;
  readonly listeners: readonly Endpoint[];
  readonly #forwarder: Forwarder;
  readonly #scope: Scope;
  readonly #turn = new Serial();
  #targets: readonly Targets[];
  #maxRate: number;
  #annotations: Readonly<Record<string, string>>;

  constructor({ targets, annotations, ...parts }: ReservationParts) {
    const { id, type, role, protection, transport, maxRate, listeners, forwarder, scope } = parts;
    this.id = id;
    this.#targets = targets;
    this.#annotations = annotations;
    this.type = type;
    this.role = role;
    this.protection = protection;
    this.transport = transport;
    this.#maxRate = maxRate;
    this.listeners = listeners;
    this.#forwarder = forwarder;
    this.#scope = scope;
  }

  /** Empty until the first update; else one entry per listener. */
  get targets(): readonly Targets[] {
    return this.#targets;
  }

  get annotations(): Readonly<Record<string, string>> {
    return this.#annotations;
  }

  /** Bytes per second, 0 for no limit. */
  get maxRate(): number {
    return this.#maxRate;
  }

  counters(): Counters {
    return this.#forwarder.counters();
  }

  connections(): readonly ConnectionInfo[] {
    return this.#forwarder.connections();
  }

  annotate(annotations: Readonly<Record<string, string>>): void {
    if (Object.keys(annotations).length > 0) this.#annotations = annotations;
  }

  /** Throws BAD_FORMAT unless there are no targets or one entry per listener. */
  update({ targets, annotations, maxRate }: Change): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#scope.disposed) throw new SciStreamError('INVALID_UID', `Reservation ${this.id} has been released.`);
      if (targets.length > 0) {
        if (targets.length !== this.listeners.length) {
          throw new SciStreamError(
            'BAD_FORMAT',
            `${this.listeners.length} listeners need as many targets, not ${targets.length}.`,
          );
        }
        await this.#forwarder.update(targets);
        this.#targets = targets;
      }
      if (maxRate !== undefined) {
        await this.#forwarder.limit(maxRate);
        this.#maxRate = maxRate;
      }
      this.annotate(annotations);
    });
  }

  /** What an agent after this one needs to take it over. */
  record(): ReservationRecord {
    const { id, type, role, protection, transport, maxRate, targets, annotations } = this;
    const key = protection.kind === 'none' ? undefined : protection.key;
    return {
      ...{ id, role, transport, maxRate, key, type: type.name, security: securityOf(protection.kind) },
      listeners: [...this.listeners],
      targets: [...targets],
      annotations: { ...annotations },
    };
  }

  /** Does nothing when it has been released already, and keeps its release waiting. */
  unlessReleased(work: () => Promise<void>): Promise<void> {
    return this.#turn.run(async () => {
      if (!this.#scope.disposed) await work();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#turn.run(() => this.#scope[Symbol.asyncDispose]());
  }
}
