import type { Memory } from '../../../../platform/ffi/memory.js';
import type { Native } from '../../../../platform/ffi/native.js';

const slots = 1024;
const slotCells = 3;
const cell = { written: 0, read: 1, slots: 2 } as const;
const cellsPerLoop = cell.slots + slots * slotCells;

/** An accepted connection on its way to another loop. */
export interface Handed {
  readonly forwarder: number;
  readonly listener: number;
  readonly fd: number;
}

/** Memory of all loops of an engine: how many connections each has, and a ring of connections handed to it. */
export interface Crew {
  readonly loads: SharedArrayBuffer;
  readonly rings: SharedArrayBuffer;
  /** The descriptors that wake the loops. */
  readonly wakeups: readonly number[];
}

export function newCrew(wakeups: readonly number[]): Crew {
  const { length } = wakeups;
  return {
    loads: new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT),
    rings: new SharedArrayBuffer(length * cellsPerLoop * Int32Array.BYTES_PER_ELEMENT),
    wakeups,
  };
}

/**
 * Spreads connections evenly. The kernel wakes any loop for a new connection, often the same one; that loop hands it to the
 * one that has the fewest.
 */
export class Handover {
  readonly #native: Native;
  readonly #index: number;
  readonly #loads: Int32Array;
  readonly #rings: Int32Array;
  readonly #wakeups: readonly number[];
  readonly #one: Memory;

  constructor(native: Native, index: number, { loads, rings, wakeups }: Crew) {
    this.#native = native;
    this.#index = index;
    this.#loads = new Int32Array(loads);
    this.#rings = new Int32Array(rings);
    this.#wakeups = wakeups;
    this.#one = native.allocate(8);
    this.#one.bytes.writeBigUInt64LE(1n);
  }

  /** This loop has so many connections more, or fewer. */
  count(change: number): void {
    Atomics.add(this.#loads, this.#index, change);
  }

  /** True when another loop has fewer connections and takes this one. */
  offer(connection: Handed): boolean {
    const other = this.#leastLoaded();
    const [mine, theirs] = [Atomics.load(this.#loads, this.#index), Atomics.load(this.#loads, other)];
    // Few connections are spread exactly, as each may be a stream that fills a core; among many, moving one costs more.
    if (mine - theirs <= mine >> 2 || !this.#put(other, connection)) return false;
    // So that the next one is not offered to the same loop before it has looked.
    Atomics.add(this.#loads, other, 1);
    this.#native.libc.write(this.#wakeups[other] ?? -1, this.#one, 0, 8);
    return true;
  }

  /** What others have handed to this loop; each is this loop's to close. */
  *taken(): Generator<Handed> {
    const base = this.#index * cellsPerLoop;
    for (;;) {
      const read = Atomics.load(this.#rings, base + cell.read);
      const slot = slotAt(base, read);
      const fd = Atomics.load(this.#rings, slot) - 1;
      if (fd < 0) return;
      const handed = { fd, forwarder: this.#rings[slot + 1] ?? 0, listener: this.#rings[slot + 2] ?? 0 };
      Atomics.store(this.#rings, slot, 0);
      Atomics.store(this.#rings, base + cell.read, (read + 1) | 0);
      // Counted by the giver on our behalf; whoever serves it counts it again.
      this.count(-1);
      yield handed;
    }
  }

  #leastLoaded(): number {
    let best = this.#index;
    for (let index = 0; index < this.#loads.length; index++) {
      if (Atomics.load(this.#loads, index) < Atomics.load(this.#loads, best)) best = index;
    }
    return best;
  }

  /** False when the ring is full. The descriptor is written last: it makes the slot valid. */
  #put(other: number, { forwarder, listener, fd }: Handed): boolean {
    const base = other * cellsPerLoop;
    for (;;) {
      const written = Atomics.load(this.#rings, base + cell.written);
      if (((written - Atomics.load(this.#rings, base + cell.read)) | 0) >= slots) return false;
      if (Atomics.compareExchange(this.#rings, base + cell.written, written, (written + 1) | 0) !== written) continue;
      const slot = slotAt(base, written);
      this.#rings[slot + 1] = forwarder;
      this.#rings[slot + 2] = listener;
      Atomics.store(this.#rings, slot, fd + 1);
      return true;
    }
  }
}

function slotAt(base: number, position: number): number {
  return base + cell.slots + (position & (slots - 1)) * slotCells;
}
