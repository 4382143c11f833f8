import type { Endpoint } from '../../../../core/endpoint.js';
import { SocketAddress } from '../../../../platform/ffi/socket-address.js';

/** One that could not be reached is tried after all others for so long. */
const coolDownMs = 5_000;

/** Memory that all loops see: whose turn it is, for each listener. */
export function newTurns(listeners: number): SharedArrayBuffer {
  return new SharedArrayBuffer(listeners * Int32Array.BYTES_PER_ELEMENT);
}

/** The targets of one listener, used in turn by the connections of all loops. */
export class TargetList {
  readonly #targets: readonly { readonly address: SocketAddress; coolUntil: number }[];
  readonly #turns: Int32Array;
  readonly #listener: number;

  constructor(endpoints: readonly Endpoint[], turns: SharedArrayBuffer, listener: number) {
    this.#turns = new Int32Array(turns);
    this.#listener = listener;
    this.#targets = endpoints.map((endpoint) => ({ address: SocketAddress.of(endpoint), coolUntil: 0 }));
  }

  /** All of them, in the order in which the next connection tries them. */
  inTurn(now: number): readonly SocketAddress[] {
    const first = (Atomics.add(this.#turns, this.#listener, 1) >>> 0) % Math.max(1, this.#targets.length);
    const turn = [...this.#targets.slice(first), ...this.#targets.slice(0, first)];
    const cooling = turn.filter(({ coolUntil }) => coolUntil > now);
    if (cooling.length > 0) turn.sort((a, b) => Number(a.coolUntil > now) - Number(b.coolUntil > now));
    return turn.map(({ address }) => address);
  }

  unreachable(address: SocketAddress, now: number): void {
    const target = this.#targets.find((known) => known.address === address);
    if (target) target.coolUntil = now + coolDownMs;
  }
}
