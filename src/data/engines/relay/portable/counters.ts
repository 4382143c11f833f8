import type { Counters } from '../../engine.js';

/** What one connection has moved so far. */
export interface Meter {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Sums of a forwarder: what has ended is added up, what is open is asked when somebody reads. */
export class RelayCounters {
  readonly #open = new Set<Meter>();
  #bytesIn = 0;
  #bytesOut = 0;
  #total = 0;
  #refused = 0;

  opened(meter: Meter): void {
    this.#total++;
    this.#open.add(meter);
  }

  closed(meter: Meter): void {
    if (!this.#open.delete(meter)) return;
    this.#bytesIn += meter.bytesIn;
    this.#bytesOut += meter.bytesOut;
  }

  /** No target could be reached for a connection. */
  refused(): void {
    this.#refused++;
  }

  read(): Counters {
    let bytesIn = this.#bytesIn;
    let bytesOut = this.#bytesOut;
    for (const meter of this.#open) {
      bytesIn += meter.bytesIn;
      bytesOut += meter.bytesOut;
    }
    return {
      bytesIn,
      bytesOut,
      openConnections: this.#open.size,
      totalConnections: this.#total,
      refusedConnections: this.#refused,
    };
  }
}
