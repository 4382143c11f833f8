import type { Session } from './sessions.js';

interface Bytes {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/**
 * HAProxy adds what an open connection moves to its counters every five seconds only. This adds what has been seen on the
 * connections themselves meanwhile: never more than was moved, never less than the counters, and never going back.
 */
export class LiveBytes {
  #bytesIn = 0;
  #bytesOut = 0;
  #seen: ReadonlyMap<string, Bytes> | undefined = new Map();

  /** `counted` has been read before `sessions`; they are absent when there are too many to list. */
  add(counted: Bytes, sessions: readonly Session[] | undefined): Bytes {
    // Of what is seen for the first time after such a gap, some may have been counted already.
    const known = this.#seen;
    if (known && sessions) {
      for (const { id, bytesIn, bytesOut } of sessions) {
        this.#bytesIn += bytesIn - (known.get(id)?.bytesIn ?? 0);
        this.#bytesOut += bytesOut - (known.get(id)?.bytesOut ?? 0);
      }
    }
    this.#seen = sessions && new Map(sessions.map((session) => [session.id, session]));
    this.#bytesIn = Math.max(this.#bytesIn, counted.bytesIn);
    this.#bytesOut = Math.max(this.#bytesOut, counted.bytesOut);
    return { bytesIn: this.#bytesIn, bytesOut: this.#bytesOut };
  }
}
