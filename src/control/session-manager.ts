import { Backoff } from '../core/backoff.js';
import type { Endpoint } from '../core/endpoint.js';
import { messageOf, SciStreamError } from '../core/errors.js';
import { keepTrying, Retries } from '../core/retry.js';
import type { Logger } from '../observe/logger.js';
import type { Role } from '../core/identity.js';
import { isFinal } from '../core/session.js';
import type { Principal } from '../auth/verifier.js';
import type { Security, Transport } from '../core/protection.js';
import type { Secret } from '../core/secret.js';
import { isStale, lostSessions, outlivesAgent } from './agent-loss.js';
import { storedSessions } from './annotations.js';
import { toReserved } from './gateway.js';
import { Observers } from './observers.js';
import { returnPorts } from './port-return.js';
import { Rendezvous } from './rendezvous.js';
import { Session } from './session.js';
import type { SessionContext } from './session-context.js';

export interface ManagerOptions extends Pick<SessionContext, 'gateway' | 'clock' | 'setupTimeoutMs' | 'record'> {
  maxSessions: number;
  logger: Logger;
}

const firstReconcileMs = 100;
const longestReconcileMs = 10_000;

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
  /** Aborts when the agent is lost that is there now. */
  #agentLost = new AbortController();
  #draining = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.#retries = new Retries(options.clock);
    this.#context = {
      ...options,
      releaseReserved: (id) => returnPorts(id, { ...options, retries: this.#retries }),
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
    const session = this.#sessions.get(uid);
    if (!session || session.owner !== name || isFinal(session.state)) {
      throw unknownSession(uid);
    }
    return session;
  }

  /** The caller's session that this request id has opened, from its first moment until it holds nothing any more. */
  findByRequestId(requestId: string, { name }: Principal): Session | undefined {
    if (requestId === '') return undefined;
    return this.#all.find(({ owner, identity }) => owner === name && identity.requestId === requestId);
  }

  list({ name }: Principal): Session[] {
    return this.#all.filter((session) => session.owner === name && !isFinal(session.state));
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
        await gateway.release(reservation.id);
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
        await this.#context.releaseReserved(reservation.id);
        continue;
      }
      const carried = { ...progress, reserved: toReserved(reservation) };
      this.#sessions.set(identity.uid, Session.restore(identity, this.#context, carried));
    }
  }

  /** The agent has gone, and the streams that lived in it. */
  async failEmbedded(reason: string): Promise<void> {
    this.#agentLost.abort();
    this.#agentLost = new AbortController();
    const lost = this.#all.filter((session) => !outlivesAgent(session, this.#options.gateway));
    await this.#endAll((session) => session.end('fail', 'agent', reason), lost);
  }

  /**
   * Another agent has taken over what it could: sessions of the rest are over, and what it carries for sessions that have
   * ended without an agent is given back. It is tried until it succeeds, that agent is lost as well, or all is drained; never
   * throws.
   */
  reconcile(reason: string): Promise<void> {
    const { clock, logger } = this.#options;
    return keepTrying(() => this.#reconcile(reason), {
      clock,
      backoff: new Backoff(firstReconcileMs, longestReconcileMs),
      signal: AbortSignal.any([this.#agentLost.signal, this.#retries.signal]),
      onFailure: (error) => {
        logger.error({ reason: messageOf(error) }, 'sessions of the lost data server could not be ended yet');
      },
    });
  }

  async #reconcile(reason: string): Promise<void> {
    // Before it is asked, as sessions that get their ports meanwhile would not be in its answer.
    const held = this.#all.filter(({ ports }) => ports !== undefined);
    const found = await this.#options.gateway.list();
    const stale = found.filter((reservation) => isStale(reservation, this.#sessions));
    await Promise.all(stale.map(({ id }) => this.#context.releaseReserved(id)));
    await this.#endAll((session) => session.end('fail', 'agent', reason), lostSessions(held, found));
  }

  /** Whether there can be programs that only an agent can end. */
  get mayOutliveAgent(): boolean {
    const { gateway } = this.#options;
    return gateway.outlivesAgent(gateway.type) || this.#all.some((session) => outlivesAgent(session, gateway));
  }

  /** Takes no more sessions and releases those there are. */
  async drain(): Promise<void> {
    this.#draining = true;
    const reason = new SciStreamError(
      'UNAVAILABLE',
      'The server is stopping; request the session again when it is back.',
    );
    try {
      await this.#endAll((session) => session.end('release', 'server', 'the server is stopping', reason));
    } finally {
      await this.#retries[Symbol.asyncDispose]();
      this.observers.close(stopping());
    }
  }

  async #endAll(
    end: (session: Session) => Promise<void>,
    sessions: Iterable<Session> = this.#sessions.values(),
  ): Promise<void> {
    const outcomes = await Promise.allSettled([...sessions].map(end));
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    if (failures.length > 0)
      throw new AggregateError(failures, `${failures.length} sessions could not be ended cleanly.`);
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
