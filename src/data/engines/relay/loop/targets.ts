import type { Endpoint } from '../../../../core/endpoint.js';

/** One that could not be reached is tried after all others for so long. */
const coolDownMs = 5_000;

/** Memory that all loops see: whose turn it is, for each listener. */
export function newTurns(listeners: number): SharedArrayBuffer {
  return new SharedArrayBuffer(listeners * Int32Array.BYTES_PER_ELEMENT);
}

/** The targets of one listener, used in turn by the connections of all loops. */
export class TargetList {
  readonly #targets: readonly { readonly endpoint: Endpoint; coolUntil: number }[];
  readonly #turns: Int32Array;
  readonly #listener: number;

  constructor(endpoints: readonly Endpoint[], turns: SharedArrayBuffer, listener: number) {
    this.#turns = new Int32Array(turns);
    this.#listener = listener;
    this.#targets = endpoints.map((endpoint) => ({ endpoint, coolUntil: 0 }));
  }

  /** All of them, in the order in which the next connection tries them. */
  inTurn(now: number): readonly Endpoint[] {
    const first = (Atomics.add(this.#turns, this.#listener, 1) >>> 0) % Math.max(1, this.#targets.length);
    const turn = [...this.#targets.slice(first), ...this.#targets.slice(0, first)];
    const cooling = turn.filter(({ coolUntil }) => coolUntil > now);
    if (cooling.length > 0) turn.sort((a, b) => Number(a.coolUntil > now) - Number(b.coolUntil > now));
    return turn.map(({ endpoint }) => endpoint);
  }

  unreachable(endpoint: Endpoint, now: number): void {
    const target = this.#targets.find((known) => known.endpoint === endpoint);
    if (target) target.coolUntil = now + coolDownMs;
  }
}
