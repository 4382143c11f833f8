/**
 * Memory that native code reads and writes. It has an ArrayBuffer of its own outside of JavaScript's heap, which is never
 * moved and lives as long as this object; addresses are only made from it, with offset and length checked.
 */
export interface Memory {
  readonly bytes: Buffer;
  readonly address: number;
}

/** The address of `length` bytes from `offset`. Throws RangeError when they are not all inside. */
export function addressIn(memory: Memory, offset: number, length: number): number {
  if (!(offset >= 0 && length >= 0 && offset + length <= memory.bytes.length)) {
    throw new RangeError(`${length} bytes at ${offset} are outside of a memory of ${memory.bytes.length} bytes`);
  }
  return memory.address + offset;
}

/** Words beside every memory of the checked mode, whose change tells that native code wrote out of bounds. */
const guardBytes = 64;
const guardValue = 0xa5;

/** Makes memories; `checked` ones are guarded on both sides. */
export class Allocator {
  readonly #addressOf: (buffer: Buffer) => number;
  readonly #guards: Buffer[] | undefined;

  constructor(addressOf: (buffer: Buffer) => number, checked: boolean) {
    this.#addressOf = addressOf;
    this.#guards = checked ? [] : undefined;
  }

  allocate(size: number): Memory {
    const margin = this.#guards ? guardBytes : 0;
    // Small Buffers would lie inside the heap; an ArrayBuffer never does.
    const whole = Buffer.from(new ArrayBuffer(size + 2 * margin));
    if (this.#guards) {
      const guards = [whole.subarray(0, margin), whole.subarray(margin + size)];
      for (const guard of guards) guard.fill(guardValue);
      this.#guards.push(...guards);
    }
    return { bytes: whole.subarray(margin, margin + size), address: this.#addressOf(whole) + margin };
  }

  /** Throws when a guard has changed; does nothing unless checked. */
  verify(after: string): void {
    for (const guard of this.#guards ?? []) {
      if (guard.some((byte) => byte !== guardValue)) throw new Error(`native code wrote out of bounds in ${after}`);
    }
  }
}
