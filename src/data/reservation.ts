import type { Endpoint } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import type { Role } from '../core/identity.js';
import type { Scope } from '../core/scope.js';
import { Serial } from '../core/serial.js';
import type { Counters, Forwarder, Security, Targets } from './engines/engine.js';

interface ReservationParts {
  id: string;
  type: string;
  role: Role;
  security: Security;
  listeners: readonly Endpoint[];
  forwarder: Forwarder;
  /** Owns ports and forwarder. */
  scope: Scope;
}

/** Ports of one session and what forwards on them. Operations on it run one after the other. */
export class Reservation implements AsyncDisposable {
  readonly id: string;
  readonly type: string;
  readonly role: Role;
  readonly security: Security;
  readonly listeners: readonly Endpoint[];
  readonly #forwarder: Forwarder;
  readonly #scope: Scope;
  readonly #turn = new Serial();
  #targets: readonly Targets[] = [];
  #annotations: Readonly<Record<string, string>> = {};

  constructor({ id, type, role, security, listeners, forwarder, scope }: ReservationParts) {
    this.id = id;
    this.type = type;
    this.role = role;
    this.security = security;
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

  counters(): Counters {
    return this.#forwarder.counters();
  }

  annotate(annotations: Readonly<Record<string, string>>): void {
    if (Object.keys(annotations).length > 0) this.#annotations = annotations;
  }

  /** No targets: only the annotations change. Throws BAD_FORMAT unless there is one entry per listener. */
  update(targets: readonly Targets[], annotations: Readonly<Record<string, string>>): Promise<void> {
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
      this.annotate(annotations);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#turn.run(() => this.#scope[Symbol.asyncDispose]());
  }
}
