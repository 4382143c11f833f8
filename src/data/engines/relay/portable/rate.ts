/** What may be made up for after a pause, in seconds: long enough for a busy event loop, short enough not to be a burst. */
const longestSaving = 0.1;
const smallestShare = 1024;
const largestShare = 64 * 1024;

/** Bytes per second that all connections of a forwarder may move in one direction: a token bucket that is served in turn. */
export class RateLimit {
  readonly #waiting = new Map<object, { wanted: number; grant: (bytes: number) => void }>();
  #rate: number;
  /** Below zero when the last share was larger than what there was. */
  #tokens = 0;
  #filledAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  /** Bytes per second; 0 means no limit. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  set(rate: number): void {
    this.#fill();
    this.#rate = rate;
    this.#tokens = Math.min(this.#tokens, rate * longestSaving);
    this.#serve();
  }

  /** How many of `wanted` bytes may pass at once; 0 when the caller has to `wait` for its turn. */
  take(wanted: number): number {
    if (this.#rate === 0) return wanted;
    if (this.#waiting.size > 0) return 0;
    this.#fill();
    return this.#tokens > 0 ? this.#spend(wanted) : 0;
  }

  /** Calls `grant` once with how many of `wanted` bytes may pass, when it is `waiter`'s turn. */
  wait(waiter: object, wanted: number, grant: (bytes: number) => void): void {
    this.#waiting.set(waiter, { wanted, grant });
    this.#arm();
  }

  leave(waiter: object): void {
    this.#waiting.delete(waiter);
    if (this.#waiting.size === 0) this.#disarm();
  }

  /** For what cannot be divided: whether all `bytes` may pass now. Nobody waits for a turn here. */
  admits(bytes: number): boolean {
    if (this.#rate === 0) return true;
    this.#fill();
    if (this.#tokens <= 0) return false;
    this.#tokens -= bytes;
    return true;
  }

  /** One share each and the next one's turn: that is what makes connections equal. */
  #serve(): void {
    this.#disarm();
    this.#fill();
    for (const [waiter, { wanted, grant }] of this.#waiting) {
      if (this.#rate > 0 && this.#tokens <= 0) break;
      this.#waiting.delete(waiter);
      grant(this.#rate === 0 ? wanted : this.#spend(wanted));
    }
    if (this.#waiting.size > 0) this.#arm();
  }

  #spend(wanted: number): number {
    const share = Math.min(Math.max(this.#rate / 200, smallestShare), largestShare);
    const bytes = Math.min(wanted, Math.ceil(share));
    this.#tokens -= bytes;
    return bytes;
  }

  #fill(): void {
    const now = performance.now();
    const earned = ((now - this.#filledAt) / 1000) * this.#rate;
    this.#tokens = Math.min(this.#tokens + earned, this.#rate * longestSaving);
    this.#filledAt = now;
  }

  #arm(): void {
    if (this.#timer) return;
    const missing = 1 - Math.min(this.#tokens, 0);
    this.#timer = setTimeout(
      () => {
        this.#serve();
      },
      this.#rate === 0 ? 0 : Math.ceil((missing / this.#rate) * 1000),
    );
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
