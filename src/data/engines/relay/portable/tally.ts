import type { ConnectionInfo, Counters } from '../../engine.js';

/** Something open: a connection, or a flow of datagrams. */
export interface Tallied {
  info(): ConnectionInfo;
}

/** Sums of a forwarder. */
export class Tally {
  readonly #open = new Set<Tallied>();
  #bytesIn = 0;
  #bytesOut = 0;
  #total = 0;
  #refused = 0;
  #failedHandshakes = 0;
  #dropped = 0;

  opened(one: Tallied): void {
    this.#total++;
    this.#open.add(one);
  }

  closed(one: Tallied): void {
    this.#open.delete(one);
  }

  movedIn(bytes: number): void {
    this.#bytesIn += bytes;
  }

  movedOut(bytes: number): void {
    this.#bytesOut += bytes;
  }

  /** No target could be reached for a connection. */
  refused(): void {
    this.#refused++;
  }

  failedHandshake(): void {
    this.#failedHandshakes++;
  }

  /** Datagrams that were not sent on. */
  dropped(datagrams = 1): void {
    this.#dropped += datagrams;
  }

  read(): Counters {
    return {
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      openConnections: this.#open.size,
      totalConnections: this.#total,
      refusedConnections: this.#refused,
      failedHandshakes: this.#failedHandshakes,
      droppedDatagrams: this.#dropped,
    };
  }

  connections(): readonly ConnectionInfo[] {
    return [...this.#open].map((one) => one.info());
  }
}
