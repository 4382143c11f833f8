/** Bytes that a forwarder may move in one direction, shared by all loops through atomic operations on common memory. */

const cells = { tokens: 0, filledAt: 1 } as const;
const cellsPerDirection = 2;
const rateOffset = 16;
const budgetBytes = 24;
/** A burst is what the rate allows in this time. */
const burstSeconds = 0.02;
const smallestBurst = 32 * 1024;
const largestBurst = 1 << 30;
/** Moving less at a time would cost more in calls than it evens out. */
const chunkSeconds = 0.005;
const largestChunk = 64 * 1024;

/** Memory for both directions; `maxRate` in bytes per second, 0 for no limit. */
export function newBudget(maxRate: number): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(budgetBytes);
  setRate(shared, maxRate);
  return shared;
}

/** Counts at once, for connections of all loops. */
export function setRate(shared: SharedArrayBuffer, maxRate: number): void {
  new Float64Array(shared, rateOffset, 1)[0] = maxRate;
}

export class Budget {
  readonly #rate: Float64Array;
  readonly #cells: Int32Array;

  constructor(shared: SharedArrayBuffer, direction: 0 | 1) {
    this.#rate = new Float64Array(shared, rateOffset, 1);
    this.#cells = new Int32Array(shared, direction * cellsPerDirection * 4, cellsPerDirection);
  }

  /** Bytes per second; 0: no limit. */
  get rate(): number {
    return this.#rate[0] ?? 0;
  }

  /** How many of `wanted` bytes may be moved now; what is not moved is to be given back. 0: ask again after `delayMs`. */
  take(wanted: number): number {
    const { rate } = this;
    if (rate === 0) return wanted;
    this.#refill(rate);
    const most = Math.min(wanted, largestChunk);
    const least = Math.min(most, rate * chunkSeconds);
    for (;;) {
      const tokens = Atomics.load(this.#cells, cells.tokens);
      if (tokens < least || tokens < 1) return 0;
      const taken = Math.min(tokens, most);
      if (Atomics.compareExchange(this.#cells, cells.tokens, tokens, tokens - taken) === tokens) return taken;
    }
  }

  giveBack(bytes: number): void {
    if (bytes > 0 && this.rate > 0) Atomics.add(this.#cells, cells.tokens, bytes);
  }

  /** Milliseconds after which some bytes may be moved. */
  get delayMs(): number {
    return Math.max(1, Math.min(largestChunk / this.rate, chunkSeconds) * 1000);
  }

  /** Whoever moves the time of the last filling forward adds what has come since. */
  #refill(rate: number): void {
    const before = Atomics.load(this.#cells, cells.filledAt);
    const now = microseconds();
    const elapsed = (now - before) | 0;
    if (elapsed < 500 && elapsed >= 0) return;
    if (Atomics.compareExchange(this.#cells, cells.filledAt, before, now) !== before) return;
    const burst = Math.min(largestBurst, Math.max(smallestBurst, rate * burstSeconds));
    const tokens = Atomics.load(this.#cells, cells.tokens);
    const seconds = elapsed < 0 ? 1 : elapsed / 1e6;
    Atomics.add(this.#cells, cells.tokens, Math.floor(Math.min(seconds * rate, burst - tokens)));
  }
}

/** A clock that all threads share, as a 32-bit number that wraps. */
function microseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return ((seconds % 4000) * 1_000_000 + Math.floor(nanoseconds / 1000)) | 0;
}
