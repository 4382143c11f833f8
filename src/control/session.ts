import { Deferred, orAborted } from '../core/deferred.js';
import { formatEndpoint, type Endpoint } from '../core/endpoint.js';
import { messageOf, SciStreamError } from '../core/errors.js';
import type { Role } from '../core/identity.js';
import { Scope } from '../core/scope.js';
import { Serial } from '../core/serial.js';
import { isFinal, transition, type SessionEvent, type SessionState } from '../core/session.js';
import type { Counters } from '../gen/scistream/data/v1/data_pb.js';
import { toAnnotations, type StoredProgress } from './annotations.js';
import type { Reserved, ReserveRequest } from './gateway.js';
import {
  endError,
  type EndEvent,
  type SessionChange,
  type SessionContext,
  type SessionIdentity,
} from './session-context.js';

/**
 * One stream's end at this facility. It owns all it has (ports, forwarder, timers, waiting calls) and frees it when it ends,
 * however it ends. Operations on the data server run one after the other; the state changes at once.
 */
export class Session {
  readonly identity: SessionIdentity;
  readonly #context: SessionContext;
  readonly #scope = new Scope();
  readonly #turn = new Serial();
  readonly #reserved = new Deferred<Reserved>();
  readonly #registered = new Deferred<void>();
  readonly #active = new Deferred<void>();
  /** Rejected when its ports could not be given back at once. */
  readonly #delayed = new Deferred<never>();
  #state: SessionState = 'requested';
  #ports: Reserved | undefined;
  #setupTimer: Disposable | undefined;
  #lifetimeTimer: Disposable | undefined;
  #expires: number | undefined;
  #application: readonly Endpoint[] = [];
  #targets: readonly Endpoint[] = [];
  #maxRate = 0;
  #lastError = '';
  /** Calls that want it open, the one that made it among them; who was answered remains. */
  #wantedBy = 1;
  /** Why it ended, for whoever still asks something of it. */
  #endError: SciStreamError | undefined;
  #lastCounters: Counters | undefined;
  #freed = false;

  constructor(identity: SessionIdentity, context: SessionContext) {
    this.identity = identity;
    this.#context = context;
    // Freed last, so that the uid can be used again only when everything of it is gone.
    this.#scope.defer(() => {
      this.#freed = true;
      context.onEnd(this);
    });
    this.#scope.defer(() => {
      this.#setupTimer?.[Symbol.dispose]();
      this.#lifetimeTimer?.[Symbol.dispose]();
    });
  }

  /** A session that an agent still carries after the control server was away. */
  static restore(
    identity: SessionIdentity,
    context: SessionContext,
    found: StoredProgress & { reserved: Reserved },
  ): Session {
    const session = new Session(identity, context);
    session.#own(found.reserved);
    session.#targets = found.targets;
    session.#maxRate = found.maxRate;
    session.#state = 'active';
    session.#registered.resolve();
    session.#active.resolve();
    if (found.expires !== undefined) session.#expireAt(found.expires);
    context.record({
      uid: identity.uid,
      from: undefined,
      to: 'active',
      actor: 'server',
      reason: 'found on the gateway',
    });
    return session;
  }

  get uid(): string {
    return this.identity.uid;
  }

  get owner(): string {
    return this.identity.owner;
  }

  get state(): SessionState {
    return this.#state;
  }

  get targets(): readonly Endpoint[] {
    return this.#targets;
  }

  /** Addresses the producer application gave in its Hello. */
  get application(): readonly Endpoint[] {
    return this.#application;
  }

  /** Bytes per second, 0 for no limit. */
  get maxRate(): number {
    return this.#maxRate;
  }

  get expires(): number | undefined {
    return this.#expires;
  }

  get lastError(): string {
    return this.#lastError;
  }

  /** True from its end until it holds nothing any more; then its last counters are known, if they can be. */
  get ending(): boolean {
    return isFinal(this.#state) && !this.#freed;
  }

  /** The counters at the end; absent while it lives. */
  get lastCounters(): Counters | undefined {
    return this.#lastCounters;
  }

  /** The ports it got, also when it has ended since; undefined before it got any. */
  get ports(): Reserved | undefined {
    return this.#ports;
  }

  /** Waits for the ports. Throws why it ended when it never got or no longer has them. */
  reservation(signal?: AbortSignal): Promise<Reserved> {
    return orAborted(this.#reserved.promise, signal);
  }

  /** Takes the ports and starts the time within which the application must appear. */
  async reserve(request: Omit<ReserveRequest, 'uid' | 'annotations'>, lifetimeMs: number | undefined): Promise<void> {
    this.#record(undefined, 'requested', this.owner, `${request.numListeners} listeners`);
    if (lifetimeMs !== undefined) this.#expires = this.#context.clock.now() + lifetimeMs;
    this.#maxRate = request.maxRate;
    try {
      await this.#turn.run(async () => {
        const annotations = this.#annotationsWith({});
        this.#own(await this.#context.gateway.reserve({ ...request, uid: this.uid, annotations }));
      });
    } catch (error) {
      await this.end('fail', 'agent', messageOf(error), error);
      throw error;
    }
    if (isFinal(this.#state)) return;
    if (this.#expires !== undefined) this.#expireAt(this.#expires);
    if (this.#state === 'requested') this.#expectWithin('Hello');
  }

  /** Waits until the application, or the targets that replace its Hello, have come. */
  registered(signal?: AbortSignal): Promise<void> {
    return orAborted(this.#registered.promise, signal);
  }

  /** Waits until every listener forwards. */
  active(signal?: AbortSignal): Promise<void> {
    return orAborted(this.#active.promise, signal);
  }

  /** Another call wants it open: it does not end with the call that made it. */
  join(): void {
    this.#wantedBy++;
  }

  /** A call that wanted it open ends without it, and the session with the last of them. Waits for that end, if it comes. */
  async leave(actor: string): Promise<void> {
    this.#wantedBy--;
    if (this.#wantedBy === 0 || this.ending) await this.end('release', actor, 'it could not be opened');
  }

  /** Waits until one that is ending holds nothing any more. */
  gone(signal?: AbortSignal): Promise<void> {
    // How it went is for who has ended it.
    return orAborted(
      this.#free().catch(() => undefined),
      signal,
    );
  }

  /** The application announces itself. Saying it again with the same addresses changes nothing. */
  hello(role: Role, addresses: readonly Endpoint[], actor: string): void {
    this.#assertLive();
    // A consumer that asks a producer's session for its listeners is not the application that this one waits for.
    if (this.identity.role === 'PROD' && role === 'CONS') return;
    if (this.identity.role === 'PROD' && addresses.length > 0) {
      if (this.#application.length > 0 && listText(this.#application) !== listText(addresses)) {
        throw new SciStreamError(
          'ALREADY_EXISTS',
          `The application of ${this.uid} is at ${listText(this.#application)}; change its targets with update.`,
        );
      }
      this.#application = addresses;
    }
    this.#register(actor, 'Hello');
  }

  /** Gives it what the change holds, all or nothing. A session that cannot get its first targets has failed. */
  update(change: SessionChange, actor: string): Promise<void> {
    return this.#turn.run(async () => {
      this.#assertLive();
      const { targets, maxRate, lifetimeMs } = change;
      const expires = lifetimeMs === undefined ? this.#expires : this.#context.clock.now() + lifetimeMs;
      const reserved = await this.#reserved.promise;
      try {
        const annotations = this.#annotationsWith({ ...change, expires });
        await this.#context.gateway.update(reserved, { targets, maxRate, annotations });
      } catch (error) {
        if (targets && this.#state !== 'active') this.#endSoon('fail', 'agent', messageOf(error), error);
        throw error;
      }
      this.#assertLive();
      if (maxRate !== undefined) this.#maxRate = maxRate;
      if (lifetimeMs !== undefined && expires !== undefined) this.#expireAt(expires);
      if (targets) this.#forwardTo(targets, actor);
      else this.#context.onChange(this);
    });
  }

  /**
   * Ends the session and waits until everything is free. Ending it again waits for the same. Throws UNAVAILABLE when the data
   * server cannot do its part now: it is done later.
   */
  async end(event: EndEvent, actor: string, reason: string, cause?: unknown): Promise<void> {
    if (this.#apply(event, actor, reason)) {
      if (event === 'fail') this.#lastError = reason;
      const error = cause instanceof SciStreamError ? cause : endError(event, this.uid, reason);
      this.#endError = error;
      this.#reserved.reject(error);
      this.#registered.reject(error);
      this.#active.reject(error);
    }
    await Promise.race([this.#free(), this.#delayed.promise]);
  }

  #free(): Promise<void> {
    return this.#turn.run(() => this.#scope[Symbol.asyncDispose]());
  }

  /** Ends it where nobody waits for that. */
  #endSoon(event: EndEvent, actor: string, reason: string, cause?: unknown): void {
    this.end(event, actor, reason, cause).catch((error: unknown) => {
      this.#context.onTrouble(this.uid, error);
    });
  }

  #forwardTo(targets: readonly Endpoint[], actor: string): void {
    this.#targets = targets;
    this.#register(actor, 'targets');
    this.#apply('forwarding', actor, listText(targets));
    this.#setupTimer?.[Symbol.dispose]();
    this.#active.resolve();
  }

  /** What the agent is to keep once a change has been made. */
  #annotationsWith({
    targets = this.#targets,
    maxRate = this.#maxRate,
    expires = this.#expires,
  }: { [K in keyof StoredProgress]?: StoredProgress[K] | undefined }): Record<string, string> {
    return toAnnotations(this.identity, { targets, maxRate, expires });
  }

  #own(reserved: Reserved): void {
    this.#scope.defer(async () => {
      this.#lastCounters = await this.#context.releaseReserved(reserved, () => {
        const reason = `Session ${this.uid} is ending: the data server is away, and the stream ends as soon as it is back.`;
        this.#delayed.reject(new SciStreamError('UNAVAILABLE', reason));
      });
    });
    this.#ports = reserved;
    this.#reserved.resolve(reserved);
    if (!isFinal(this.#state)) this.#context.onChange(this);
  }

  #register(actor: string, reason: string): void {
    if (!this.#apply('hello', actor, reason)) return;
    this.#registered.resolve();
    this.#expectWithin('targets');
  }

  #expectWithin(what: string): void {
    const { clock, setupTimeoutMs } = this.#context;
    this.#setupTimer?.[Symbol.dispose]();
    this.#setupTimer = clock.after(setupTimeoutMs, () => {
      this.#endSoon('expire', 'clock', `no ${what} within ${setupTimeoutMs / 1000} s`);
    });
  }

  #expireAt(expires: number): void {
    const { clock } = this.#context;
    this.#expires = expires;
    this.#lifetimeTimer?.[Symbol.dispose]();
    this.#lifetimeTimer = clock.after(expires - clock.now(), () => {
      this.#endSoon('expire', 'clock', 'lifetime over');
    });
  }

  /** False when the event means nothing in the present state. */
  #apply(event: SessionEvent, actor: string, reason: string): boolean {
    const from = this.#state;
    const to = transition(from, event);
    if (to === undefined) return false;
    this.#state = to;
    this.#record(from, to, actor, reason);
    return true;
  }

  #record(from: SessionState | undefined, to: SessionState, actor: string, reason: string): void {
    this.#context.record({ uid: this.uid, from, to, actor, reason });
    if (!isFinal(to)) this.#context.onChange(this);
  }

  #assertLive(): void {
    if (this.#endError) throw this.#endError;
  }
}

function listText(endpoints: readonly Endpoint[]): string {
  return endpoints.map(formatEndpoint).join(',');
}

/** Guards against changing the wrong end of a stream. Throws BAD_FORMAT when `role` is not the session's. */
export function assertRole({ uid, identity }: Session, role: Role): void {
  if (role !== identity.role) {
    throw new SciStreamError('BAD_FORMAT', `Session ${uid} was requested as ${identity.role}, not ${role}.`);
  }
}
