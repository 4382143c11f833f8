import { orAborted } from '../core/deferred.js';
import type { Endpoint } from '../core/endpoint.js';
import { messageOf, SciStreamError } from '../core/errors.js';
import { Retries } from '../core/retry.js';
import type { Logger } from '../observe/logger.js';
import type { Role } from '../core/identity.js';
import { isFinal } from '../core/session.js';
import { until } from '../core/until.js';
import type { Principal } from '../auth/verifier.js';
import type { Security, Transport } from '../core/protection.js';
import type { Secret } from '../core/secret.js';
import { storedSessions } from './annotations.js';
import { toReserved, type Reserved } from './gateway.js';
import { Observers } from './observers.js';
import { returnPorts } from './port-return.js';
import { endAll, Recovery } from './recovery.js';
import { Rendezvous } from './rendezvous.js';
import { Session } from './session.js';
import type { SessionContext } from './session-context.js';

export interface ManagerOptions extends Pick<SessionContext, 'gateway' | 'clock' | 'setupTimeoutMs' | 'record'> {
  maxSessions: number;
  logger: Logger;
}

/** What a caller asks for; every field has been checked. */
export interface SessionRequest {
  uid: string;
  role: Role;
  numListeners: number;
  preferredPorts: readonly number[];
  maxRate: number;
  labels: Readonly<Record<string, string>>;
  lifetimeMs: number | undefined;
  security: Security;
  key: Secret | undefined;
  transport: Transport;
  requestId: string;
  /** See SessionIdentity. */
  listenerIp: string;
}

/** What an application says of itself. */
export interface Greeting {
  uid: string;
  role: Role;
  /** Where a producer listens. */
  addresses: readonly Endpoint[];
}

/** The sessions of one facility, each by its uid. Versions 1 and 2 of the protocol are two faces of this. */
export class SessionManager {
  /** Told of every change. */
  readonly observers = new Observers();
  readonly #options: ManagerOptions;
  readonly #context: SessionContext;
  readonly #sessions = new Map<string, Session>();
  readonly #rendezvous: Rendezvous;
  /** What is still tried, until all sessions have been released. */
  readonly #retries: Retries;
  readonly #recovery: Recovery;
  #draining = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.#retries = new Retries(options.clock);
    this.#context = {
      ...options,
      releaseReserved: (reserved, onDelay) => returnPorts(reserved, onDelay, { ...options, retries: this.#retries }),
      onChange: (session) => {
        this.observers.changed(session);
      },
      onEnd: (session) => {
        if (this.#sessions.get(session.uid) === session) this.#sessions.delete(session.uid);
        this.observers.changed(session);
      },
      onTrouble: (uid, error) => {
        options.logger.error({ uid, reason: messageOf(error) }, 'session could not be ended cleanly');
      },
    };
    this.#rendezvous = new Rendezvous(options.setupTimeoutMs, options.maxSessions, options.clock);
    this.#recovery = new Recovery({ ...options, sessions: this.#sessions, signal: this.#retries.signal });
  }

  /** Reserves listeners for a new session. Throws ALREADY_EXISTS, NO_RESOURCE, UNAVAILABLE or what the data server says. */
  async open(request: SessionRequest, { name: owner }: Principal): Promise<Session> {
    this.#admit(request.uid);
    const { uid, role, labels, requestId, listenerIp, lifetimeMs, ...wanted } = request;
    const created = this.#options.clock.now();
    const identity = { uid, role, owner, labels, requestId, listenerIp, created };
    const session = new Session(identity, this.#context);
    this.#sessions.set(uid, session);
    await session.reserve({ role, ...wanted }, lifetimeMs);
    this.#rendezvous.announce(session);
    return session;
  }

  /** The caller's live session. Unknown and somebody else's answer alike: INVALID_UID. */
  find(uid: string, { name }: Principal): Session {
    const session = this.findHeld(uid, { name });
    if (isFinal(session.state)) throw unknownSession(uid);
    return session;
  }

  /** The same, also while it ends and still holds something. */
  findHeld(uid: string, { name }: Principal): Session {
    const session = this.#sessions.get(uid);
    if (session?.owner !== name) throw unknownSession(uid);
    return session;
  }

  /** The caller's session that this request id has opened, from its first moment until it holds nothing any more. */
  findByRequestId(requestId: string, { name }: Principal): Session | undefined {
    if (requestId === '') return undefined;
    return this.#all.find(({ owner, identity }) => owner === name && identity.requestId === requestId);
  }

  /** The caller's sessions that live, or end and still hold something. */
  list({ name }: Principal): Session[] {
    return this.#all.filter((session) => session.owner === name);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** An application says Hello; a Hello that comes before its request waits for it. */
  async hello({ uid, role, addresses }: Greeting, caller: Principal, signal: AbortSignal): Promise<Session> {
    const known = this.#sessions.get(uid);
    const usable = known !== undefined && known.owner === caller.name && !isFinal(known.state);
    const session = usable ? known : await this.#rendezvous.wait(uid, caller.name, signal);
    await session.reservation(signal);
    session.hello(role, addresses, caller.name);
    return session;
  }

  /** Waits for the Hello of a new session; a caller that goes away meanwhile takes the session with it. */
  async awaitHello(session: Session, signal: AbortSignal): Promise<void> {
    try {
      await session.registered(signal);
    } catch (error) {
      if (signal.aborted) await session.end('release', session.owner, 'the caller went away');
      throw error;
    }
  }

  /** Takes over what the agent carried while no control server ran; what never got its targets is given up. */
  async restore(): Promise<void> {
    const { gateway, logger } = this.#options;
    const { found, newest } = storedSessions(await gateway.list());
    for (const { reservation, stored } of found) {
      if (reservation.forwards.length === 0) {
        await gateway.release(reservation);
        continue;
      }
      if (!stored) {
        // Streams of a version that we do not understand flow on; ending them is for somebody who does.
        logger.warn({ reservation: reservation.id }, 'a stream of another version is left as it is');
        continue;
      }
      const { identity, progress } = stored;
      if (newest.get(identity.uid) !== reservation.id) {
        // That session was over: it could not be released before its uid was used again.
        await this.#giveBack(toReserved(reservation));
        continue;
      }
      const carried = { ...progress, reserved: toReserved(reservation) };
      this.#sessions.set(identity.uid, Session.restore(identity, this.#context, carried));
    }
  }

  /** Resolves when it is done or has to wait for the data server. */
  #giveBack(reserved: Reserved): Promise<void> {
    return new Promise((resolve) => {
      void this.#context.releaseReserved(reserved, resolve).then(() => {
        resolve();
      });
    });
  }

  /** The agent has gone, and the streams that lived in it. */
  failEmbedded(reason: string): Promise<void> {
    return this.#recovery.failEmbedded(reason);
  }

  /** Another agent has taken over what it could; see Recovery. */
  reconcile(reason: string): Promise<void> {
    // What is ending has waited for it.
    this.#retries.hurry();
    return this.#recovery.reconcile(reason);
  }

  /** True when only an agent can end the session's stream. */
  outlivesAgent(session: Session): boolean {
    return this.#recovery.outlivesAgent(session);
  }

  /**
   * Takes no more sessions and releases those there are; `revive` gets an agent where one is missing. Answers what still holds
   * something when `signal` aborts, or when it could not be released although an agent was there.
   */
  async drain(revive: () => Promise<void>, signal: AbortSignal): Promise<readonly Session[]> {
    this.#draining = true;
    try {
      if (this.#recovery.mayOutliveAgent) await this.#attempt(revive);
      await this.#attempt(() => orAborted(this.#endAll(), signal));
      if (this.#sessions.size > 0 && this.#recovery.mayOutliveAgent) {
        await this.#attempt(revive);
        this.#retries.hurry();
        await this.#attempt(() => until('The end of all sessions', Infinity, () => this.#sessions.size === 0, signal));
      }
      return this.#all;
    } finally {
      this.observers.close(stopping());
      await this.#retries[Symbol.asyncDispose]();
    }
  }

  #endAll(): Promise<void> {
    const cause = new SciStreamError(
      'UNAVAILABLE',
      'The server is stopping; request the session again when it is back.',
    );
    return endAll(this.#all, (session) => session.end('release', 'server', 'the server is stopping', cause));
  }

  /** What it fails with is in the log, what it means is seen in what is left. */
  async #attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.logger.warn({ reason: messageOf(error) }, 'not all could be released yet');
    }
  }

  get #all(): Session[] {
    return [...this.#sessions.values()];
  }

  #admit(uid: string): void {
    if (this.#draining) throw stopping();
    if (this.#sessions.has(uid))
      throw new SciStreamError('ALREADY_EXISTS', `Session ${uid} exists already; choose another uid.`);
    if (this.#sessions.size >= this.#options.maxSessions) {
      throw new SciStreamError(
        'NO_RESOURCE',
        `All ${this.#options.maxSessions} sessions of this facility are in use; try later.`,
      );
    }
  }
}

function stopping(): SciStreamError {
  return new SciStreamError('UNAVAILABLE', 'The server is stopping; try again when it is back.');
}

/** The same for a uid that nobody has and for one that is not the caller's. */
export function unknownSession(uid: string): SciStreamError {
  return new SciStreamError('INVALID_UID', `No session ${uid} here; see the live ones with list.`);
}
