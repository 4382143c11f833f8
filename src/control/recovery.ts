import { Backoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { messageOf } from '../core/errors.js';
import { keepTrying } from '../core/retry.js';
import { isFinal } from '../core/session.js';
import type { Reservation } from '../gen/scistream/data/v1/data_pb.js';
import type { Logger } from '../observe/logger.js';
import { fromAnnotations } from './annotations.js';
import type { Gateway } from './gateway.js';
import type { Session } from './session.js';

const firstReconcileMs = 100;
const longestReconcileMs = 10_000;

export interface RecoveryOptions {
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly logger: Logger;
  /** All that hold something, by their uids. */
  readonly sessions: ReadonlyMap<string, Session>;
  /** Aborts when nothing is to be tried again any more. */
  readonly signal: AbortSignal;
}

/** What the death of an agent, and the next one in its place, mean for the sessions. */
export class Recovery {
  readonly #options: RecoveryOptions;
  /** Aborts when the agent is lost that is there now. */
  #agentLost = new AbortController();

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** True when the session's stream lives on without the agent; before it has ports, when it is going to. */
  outlivesAgent({ ports }: Session): boolean {
    const { gateway } = this.#options;
    return gateway.outlivesAgent(ports?.type ?? gateway.type);
  }

  /** Whether there can be programs that only an agent can end. */
  get mayOutliveAgent(): boolean {
    const { gateway, sessions } = this.#options;
    return gateway.outlivesAgent(gateway.type) || [...sessions.values()].some((session) => this.outlivesAgent(session));
  }

  /** The agent has gone, and the streams that lived in it. */
  async failEmbedded(reason: string): Promise<void> {
    this.#agentLost.abort();
    this.#agentLost = new AbortController();
    await fail(
      this.#live.filter((session) => !this.outlivesAgent(session)),
      reason,
    );
  }

  /**
   * Another agent has taken over what it could: sessions of the rest are over, and what it carries for nobody is given back. It
   * is tried until it succeeds, that agent is lost as well, or all is drained; never throws.
   */
  reconcile(reason: string): Promise<void> {
    const { clock, logger, signal } = this.#options;
    return keepTrying(() => this.#reconcile(reason), {
      clock,
      backoff: new Backoff(firstReconcileMs, longestReconcileMs),
      signal: AbortSignal.any([this.#agentLost.signal, signal]),
      onFailure: (error) => {
        logger.error({ reason: messageOf(error) }, 'sessions of the lost data server could not be ended yet');
      },
    });
  }

  async #reconcile(reason: string): Promise<void> {
    const { gateway, sessions, signal } = this.#options;
    // Before it is asked, as sessions that get their ports meanwhile would not be in its answer.
    const held = this.#live.filter(({ ports }) => ports !== undefined);
    const found = await gateway.list();
    const ids = new Set(found.map(({ id }) => id));
    await fail(
      held.filter(({ ports }) => ports && !ids.has(ports.id)),
      reason,
    );
    const stale = found.filter((reservation) => isStale(reservation, sessions));
    await Promise.all(stale.map((reservation) => gateway.release(reservation, signal)));
  }

  get #live(): Session[] {
    return [...this.#options.sessions.values()].filter(({ state }) => !isFinal(state));
  }
}

/** True for what is reserved for nobody; a session that has ended gives its own back. Those of other versions are not ours to judge. */
function isStale({ id, annotations }: Reservation, sessions: ReadonlyMap<string, Session>): boolean {
  const stored = fromAnnotations(annotations);
  if (!stored) return false;
  const session = sessions.get(stored.identity.uid);
  return !session || (session.ports !== undefined && session.ports.id !== id);
}

async function fail(sessions: readonly Session[], reason: string): Promise<void> {
  await endAll(sessions, (session) => session.end('fail', 'agent', reason));
}

/** Ends all of them whatever becomes of each, and throws the failures together. */
export async function endAll(sessions: readonly Session[], end: (session: Session) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(sessions.map(end));
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  if (failures.length > 0)
    throw new AggregateError(failures, `${failures.length} sessions could not be ended cleanly.`);
}
