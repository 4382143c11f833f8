import type { Endpoint } from '../../../../core/endpoint.js';
import type { Targets } from '../../engine.js';

/** A target that was not reached is tried last for this long. */
const coolDownMs = 5_000;

/** Whose turn it is among the targets of one listener. */
export class Rotation {
  readonly #targets: Targets;
  /** Until when a target is tried last. */
  readonly #cooling = new Map<Endpoint, number>();
  #turn = 0;

  constructor(targets: Targets) {
    this.#targets = targets;
  }

  /** All targets in the order in which a new connection tries them. */
  next(): readonly [Endpoint, ...Endpoint[]] {
    const warm = this.#targets.filter((target) => !this.#isCooling(target));
    const cooling = this.#targets.filter((target) => !warm.includes(target));
    const start = warm.length === 0 ? 0 : this.#turn++ % warm.length;
    const [first = this.#targets[0], ...rest] = [...warm.slice(start), ...warm.slice(0, start), ...cooling];
    return [first, ...rest];
  }

  failed(target: Endpoint): void {
    this.#cooling.set(target, performance.now() + coolDownMs);
  }

  #isCooling(target: Endpoint): boolean {
    const until = this.#cooling.get(target);
    if (until === undefined) return false;
    if (performance.now() < until) return true;
    this.#cooling.delete(target);
    return false;
  }
}
