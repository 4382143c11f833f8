import type { Endpoint } from '../../../../core/endpoint.js';

/** One that could not be reached is tried after all others for so long. */
const coolDownMs = 5_000;

/** The targets of one listener, used in turn. */
export class TargetList {
  readonly #targets: readonly { readonly endpoint: Endpoint; coolUntil: number }[];
  #next = 0;

  constructor(endpoints: readonly Endpoint[]) {
    this.#targets = endpoints.map((endpoint) => ({ endpoint, coolUntil: 0 }));
  }

  /** All of them, in the order in which the next connection tries them. */
  inTurn(now: number): readonly Endpoint[] {
    const first = this.#next;
    this.#next = (first + 1) % Math.max(1, this.#targets.length);
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
