import type { SciStreamError } from '../core/errors.js';
import type { Session } from './session.js';

/** Who wants to hear of every session; see watch.ts. */
export interface SessionObserver {
  /** It is new, different, or has ended and holds nothing any more. */
  changed(session: Session): void;
  /** No session will change any more. */
  closed(reason: SciStreamError): void;
}

/** Everybody who follows the sessions of a facility. */
export class Observers {
  readonly #observers = new Set<SessionObserver>();
  #closed: SciStreamError | undefined;

  /** Until what comes back is disposed. */
  add(observer: SessionObserver): Disposable {
    this.#observers.add(observer);
    if (this.#closed) observer.closed(this.#closed);
    return { [Symbol.dispose]: () => void this.#observers.delete(observer) };
  }

  changed(session: Session): void {
    for (const observer of this.#observers) observer.changed(session);
  }

  close(reason: SciStreamError): void {
    this.#closed = reason;
    for (const observer of this.#observers) observer.closed(reason);
  }
}
