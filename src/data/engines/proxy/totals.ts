import type { Counters } from '../engine.js';

/** What a proxy has counted, over restarts of its program too: each one counts from zero. */
export class Totals {
  #ended: Counters = {};
  #current: Counters = {};

  /** What the program that runs now has counted. */
  set(counters: Counters): void {
    this.#current = counters;
  }

  /** The program has ended, and its connections with it. */
  restart(): void {
    this.#ended = { ...this.value, openConnections: 0 };
    this.#current = {};
  }

  /** A counter that the program does not know stays absent. */
  get value(): Counters {
    const names = new Set([...keys(this.#ended), ...keys(this.#current)]);
    const sums = [...names].map((name) => [name, (this.#ended[name] ?? 0) + (this.#current[name] ?? 0)] as const);
    return { ...Object.fromEntries(sums), ...('rttUs' in this.#current ? { rttUs: this.#current.rttUs } : {}) };
  }
}

const names: readonly (keyof Counters)[] = [
  'bytesIn',
  'bytesOut',
  'openConnections',
  'totalConnections',
  'refusedConnections',
  'failedHandshakes',
  'retransmits',
  'droppedDatagrams',
];

function keys(counters: Counters): readonly (keyof Counters)[] {
  return names.filter((name) => counters[name] !== undefined);
}
