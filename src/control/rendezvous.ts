import type { Clock } from '../core/clock.js';
import { Deferred, orAborted } from '../core/deferred.js';
import { SciStreamError } from '../core/errors.js';
import type { Session } from './session.js';

/** Where a Hello that came before its request waits for it. */
export class Rendezvous {
  readonly #waiting = new Map<string, Set<Deferred<Session>>>();
  readonly #timeoutMs: number;
  readonly #most: number;
  readonly #clock: Clock;
  #count = 0;

  /** At most `most` Hellos wait, each for at most `timeoutMs`. */
  constructor(timeoutMs: number, most: number, clock: Clock) {
    this.#timeoutMs = timeoutMs;
    this.#most = most;
    this.#clock = clock;
  }

  /** Waits for the session with this uid and owner. Throws NO_RESOURCE, TIMEOUT, or the signal's reason. */
  async wait(uid: string, owner: string, signal: AbortSignal): Promise<Session> {
    if (this.#count >= this.#most) {
      throw new SciStreamError('NO_RESOURCE', `${this.#count} applications already wait for their session; try later.`);
    }
    const key = keyOf(uid, owner);
    const waiter = new Deferred<Session>();
    const waiters = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiters.add(waiter));
    this.#count++;
    const timer = this.#clock.after(this.#timeoutMs, () => {
      waiter.reject(
        new SciStreamError('TIMEOUT', `No request for uid ${uid} came within ${this.#timeoutMs / 1000} s.`),
      );
    });
    try {
      return await orAborted(waiter.promise, signal);
    } finally {
      timer[Symbol.dispose]();
      this.#count--;
      waiters.delete(waiter);
      if (waiters.size === 0) this.#waiting.delete(key);
    }
  }

  /** The session is there: whoever waited for it goes on. */
  announce(session: Session): void {
    for (const waiter of this.#waiting.get(keyOf(session.uid, session.owner)) ?? []) waiter.resolve(session);
  }
}

function keyOf(uid: string, owner: string): string {
  return JSON.stringify([uid, owner]);
}
