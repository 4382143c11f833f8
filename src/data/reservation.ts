import type { Endpoint } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import type { Role } from '../core/identity.js';
import { Serial } from '../core/serial.js';
import { securityOf, type Protection, type Transport } from '../core/protection.js';
import type { ConnectionInfo, Counters, Forwarder, Targets } from './engines/engine.js';
import type { ReservationRecord } from './records.js';
import type { DataServerType } from './types.js';

interface ReservationParts {
  id: string;
  /** Of the session, as somebody sent it; absent where nobody did. */
  uid?: string | undefined;
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
  /** The forwarder's signal. */
  released: AbortController;
  /** Frees forwarder and ports. */
  free: () => Promise<void>;
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
  readonly uid: string | undefined;
  readonly type: DataServerType;
  readonly role: Role;
  readonly protection: Protection;
  readonly transport: Transport;
  readonly listeners: readonly Endpoint[];
  readonly #forwarder: Forwarder;
  readonly #released: AbortController;
  readonly #free: () => Promise<void>;
  readonly #turn = new Serial();
  #targets: readonly Targets[];
  #maxRate: number;
  #annotations: Readonly<Record<string, string>>;
  #forwards = false;
  #end: Promise<void> | undefined;

  constructor({ targets, annotations, ...parts }: ReservationParts) {
    const { id, uid, type, role, protection, transport, maxRate, listeners, forwarder, released, free } = parts;
    this.id = id;
    this.uid = uid;
    this.#targets = targets;
    this.#annotations = annotations;
    this.type = type;
    this.role = role;
    this.protection = protection;
    this.transport = transport;
    this.#maxRate = maxRate;
    this.listeners = listeners;
    this.#forwarder = forwarder;
    this.#released = released;
    this.#free = free;
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

  /** All of the change or nothing of it. Throws BAD_FORMAT unless there are no targets or one entry per listener. */
  update({ targets, annotations, maxRate }: Change): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#end) throw new SciStreamError('INVALID_UID', `Reservation ${this.id} has been released.`);
      const [count, needed] = [targets.length, this.listeners.length];
      if (count > 0 && count !== needed) {
        throw new SciStreamError('BAD_FORMAT', `${needed} listeners need as many targets, not ${count}.`);
      }
      const before = this.#maxRate;
      if (maxRate !== undefined) await this.#limit(maxRate);
      try {
        if (count > 0) await this.#forwardTo(targets);
      } catch (error) {
        // What goes wrong with that is seen in the rate that it shows.
        if (maxRate !== undefined) await this.#limit(before).catch(() => undefined);
        throw error;
      }
      this.annotate(annotations);
    });
  }

  /** Forwards to the targets that it was made with, unless somebody has made it forward or released it meanwhile. */
  resume(): Promise<void> {
    return this.#turn.run(async () => {
      if (!this.#end && !this.#forwards) await this.#forwardTo(this.#targets);
    });
  }

  /** What an agent after this one needs to take it over. */
  record(): ReservationRecord {
    const { id, uid, type, role, protection, transport, maxRate, targets, annotations } = this;
    const key = protection.kind === 'none' ? undefined : protection.key;
    return {
      ...{ id, uid, role, transport, maxRate, key, type: type.name, security: securityOf(protection.kind) },
      listeners: [...this.listeners],
      targets: [...targets],
      annotations: { ...annotations },
    };
  }

  /** Does nothing when it has been released already, and keeps its release waiting. */
  unlessReleased(work: () => Promise<void>): Promise<void> {
    return this.#turn.run(async () => {
      if (!this.#end) await work();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#released.abort(new SciStreamError('CANCELED', 'The session was released.'));
    return this.#turn.run(() => (this.#end ??= this.#free()));
  }

  async #forwardTo(targets: readonly Targets[]): Promise<void> {
    await this.#forwarder.update(targets);
    this.#targets = targets;
    this.#forwards = true;
  }

  async #limit(maxRate: number): Promise<void> {
    await this.#forwarder.limit(maxRate);
    this.#maxRate = maxRate;
  }
}
