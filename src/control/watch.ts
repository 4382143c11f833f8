import { Deferred, orAborted } from '../core/deferred.js';
import { SciStreamError } from '../core/errors.js';
import type { Session } from './session.js';
import type { CountersById } from './traffic.js';

export type WatchEvent =
  | { readonly kind: 'session'; readonly session: Session }
  | { readonly kind: 'traffic'; readonly counters: CountersById };

/**
 * What one watcher has still to be told. A session is told once however often it has changed meanwhile, with the state it has
 * then, and of the traffic only the newest counts: a slow watcher costs no more than the sessions there are.
 */
export class WatchQueue {
  readonly #most: number;
  readonly #changed = new Set<Session>();
  #counters: CountersById | undefined;
  #closed: SciStreamError | undefined;
  #news = new Deferred<void>();

  /** At most `most` sessions wait. More than can live at a time are ended ones, of which nobody reads. */
  constructor(most: number) {
    this.#most = most;
  }

  changed(session: Session): void {
    if (this.#closed) return;
    this.#changed.add(session);
    if (this.#changed.size > this.#most) {
      this.#changed.clear();
      const reason = `${this.#most} changes waited for this watch to be read; read faster, and watch again.`;
      this.close(new SciStreamError('NO_RESOURCE', reason));
    }
    this.#wake();
  }

  traffic(counters: CountersById): void {
    if (this.#closed) return;
    this.#counters = counters;
    this.#wake();
  }

  /** What waits is still told, then `reason` is thrown. */
  close(reason: SciStreamError): void {
    this.#closed ??= reason;
    this.#wake();
  }

  /** Waits for news. Throws why it was closed, or the signal's reason. */
  async next(signal: AbortSignal): Promise<WatchEvent> {
    for (;;) {
      const event = this.#take();
      if (event) return event;
      if (this.#closed) throw this.#closed;
      await orAborted(this.#news.promise, signal);
      this.#news = new Deferred();
    }
  }

  #take(): WatchEvent | undefined {
    for (const session of this.#changed) {
      this.#changed.delete(session);
      // Its end is told once, when all of it is over.
      if (!session.ending) return { kind: 'session', session };
    }
    const counters = this.#counters;
    this.#counters = undefined;
    return counters && { kind: 'traffic', counters };
  }

  #wake(): void {
    this.#news.resolve();
  }
}
