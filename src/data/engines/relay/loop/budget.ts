import type { Loop, Task } from './loop.js';
import type { Timer } from './timers.js';

/** A burst is what the rate allows in this time; threads and timers are late by less. */
const burstSeconds = 0.03;
const smallestBurst = 32 * 1024;
/** At a time a connection moves what the rate allows in this time, within limits: fewer bytes cost too many calls. */
const quantumSeconds = 0.001;
const worthwhileSeconds = 0.005;
const smallestQuantum = 16 * 1024;
const largestQuantum = 1 << 20;
/** A connection that has asked for nothing for so long leaves its share to the others. */
const activeMs = 100;
const rateCell = 0;
const directions = 2;

/** Memory for one forwarder, seen by all loops: its rate, and how many connections use it on each loop and direction. */
export function newBudget(maxRate: number, loops: number): SharedArrayBuffer {
  const shared = new SharedArrayBuffer((1 + directions * loops) * Float64Array.BYTES_PER_ELEMENT);
  setRate(shared, maxRate);
  return shared;
}

/** Bytes per second for each direction, 0 for no limit. Counts at once, on all loops. */
export function setRate(shared: SharedArrayBuffer, maxRate: number): void {
  new Float64Array(shared)[rateCell] = maxRate;
}

/**
 * What the connections of one forwarder on one loop may move in one direction. Each loop has as much of the rate as it has
 * of the connections that use it; on a loop, they take turns.
 */
export class Budget {
  readonly #shared: Float64Array;
  readonly #own: number;
  readonly #direction: number;
  readonly #loop: Loop;
  readonly #users = new Map<object, number>();
  readonly #queue: { readonly user: object; readonly task: Task }[] = [];
  #tokens = 0;
  #filledAt = 0;
  #weeding: Timer | undefined;
  #served: object | undefined;
  #timer: Timer | undefined;

  constructor(loop: Loop, loopIndex: number, shared: SharedArrayBuffer, direction: 0 | 1) {
    this.#loop = loop;
    this.#shared = new Float64Array(shared);
    this.#direction = direction;
    this.#own = 1 + directions * loopIndex + direction;
  }

  /** Bytes per second of the whole forwarder; 0: no limit. */
  get rate(): number {
    return this.#shared[rateCell] ?? 0;
  }

  /** How many of `wanted` bytes `user` may move now; what is not moved is to be given back. 0: `wait` first. */
  take(user: object, wanted: number): number {
    const { rate } = this;
    if (rate === 0) return wanted;
    const now = performance.now();
    this.#enroll(user, now);
    if (this.#queue.length > 0 && !this.#served) return 0;
    this.#served = undefined;
    this.#refill(rate, now);
    const most = Math.min(wanted, clamp(rate * quantumSeconds, smallestQuantum, largestQuantum));
    if (this.#tokens < Math.min(most, worthwhile(rate))) return 0;
    const taken = Math.floor(Math.min(this.#tokens, most));
    this.#tokens -= taken;
    return taken;
  }

  /** Whether a datagram, which cannot be cut, may go now. A large one uses up what comes next. */
  admit(user: object, bytes: number): boolean {
    const { rate } = this;
    if (rate === 0) return true;
    const now = performance.now();
    this.#enroll(user, now);
    this.#refill(rate, now);
    if (this.#tokens <= 0) return false;
    this.#tokens -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    if (this.rate > 0) this.#tokens += bytes;
  }

  /** Runs `task` when it is its turn and there are bytes for it. */
  wait(user: object, task: Task): void {
    this.#queue.push({ user, task });
    this.#serveLater();
  }

  /** Uses nothing any more. */
  leave(user: object): void {
    if (this.#users.delete(user)) this.#publish();
  }

  #serveLater(): void {
    const { rate } = this;
    const missing = worthwhile(rate) - this.#tokens;
    const delay = rate === 0 ? 0 : clamp((1000 * missing) / (rate * this.#share()), 1, activeMs);
    this.#timer ??= this.#loop.after(delay, () => {
      this.#timer = undefined;
      this.#serve();
    });
  }

  /** Everybody who waits has one turn, as long as there are bytes. */
  #serve(): void {
    for (let turns = this.#queue.length; turns > 0; turns--) {
      const { rate } = this;
      if (rate > 0) this.#refill(rate, performance.now());
      if (rate > 0 && this.#tokens < worthwhile(rate)) break;
      const next = this.#queue.shift();
      this.#served = next?.user;
      next?.task.run();
      this.#served = undefined;
    }
    if (this.#queue.length > 0) this.#serveLater();
  }

  #refill(rate: number, now: number): void {
    const share = rate * this.#share();
    const burst = Math.max(smallestBurst, share * burstSeconds);
    const seconds = this.#filledAt === 0 ? quantumSeconds : (now - this.#filledAt) / 1000;
    this.#filledAt = now;
    this.#tokens = Math.min(burst, this.#tokens + seconds * share);
  }

  #enroll(user: object, now: number): void {
    const known = this.#users.has(user);
    this.#users.set(user, now);
    if (known) return;
    this.#publish();
    this.#weedLater();
  }

  #weedLater(): void {
    this.#weeding ??= this.#loop.after(activeMs, () => {
      this.#weeding = undefined;
      this.#weed();
    });
  }

  #weed(): void {
    const now = performance.now();
    const waiting = new Set(this.#queue.map(({ user }) => user));
    for (const [user, last] of this.#users) {
      if (now - last > activeMs && !waiting.has(user)) this.#users.delete(user);
    }
    this.#publish();
    if (this.#users.size > 0) this.#weedLater();
  }

  #publish(): void {
    this.#shared[this.#own] = this.#users.size;
  }

  /** This loop's part of all that use the rate in this direction. */
  #share(): number {
    let all = 0;
    for (let index = 1 + this.#direction; index < this.#shared.length; index += directions)
      all += this.#shared[index] ?? 0;
    return all > 0 ? this.#users.size / all : 1;
  }
}

/** Fewer bytes are not worth a call. */
function worthwhile(rate: number): number {
  return clamp(rate * worthwhileSeconds, 1, smallestQuantum);
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
