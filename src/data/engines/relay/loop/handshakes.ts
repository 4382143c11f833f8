import type { Connection } from './connection.js';

/** Connections of each listener that have yet to prove themselves. There is room for so many, and the oldest makes place. */
export class Handshakes {
  readonly #limit: number;
  readonly #pending = new Map<number, Set<Connection>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A peer that means well is done in a moment, so among too many the oldest are those that do not. */
  begin(listener: number, connection: Connection): void {
    const pending = this.#pending.get(listener) ?? new Set();
    this.#pending.set(listener, pending);
    pending.add(connection);
    if (pending.size <= this.#limit) return;
    const [oldest] = pending;
    oldest?.failHandshake('too many others waited');
  }

  over(listener: number, connection: Connection): void {
    this.#pending.get(listener)?.delete(connection);
  }
}
