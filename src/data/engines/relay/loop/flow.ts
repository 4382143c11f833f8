import { errno, spliceFlag } from '../../../../platform/ffi/constants.js';
import type { Memory } from '../../../../platform/ffi/memory.js';
import type { Pipe } from '../../../../platform/ffi/pipes.js';
import type { Budget } from './budget.js';
import type { ConnectionRow } from './connection-table.js';
import type { Leg } from './leg.js';
import type { Loop } from './loop.js';

/** What has to happen before a flow can go on. */
export type Waiting = 'source' | 'target' | 'rate' | 'turn' | 'nothing' | 'broken';

/** So many calls before others get their turn. */
const stepsPerTurn = 16;
/** Reads of at least this size look like bulk; so many in a row, and the kernel moves the bytes without us. */
const bulkBytes = 16 * 1024;
const bulkReads = 4;
/** Splicing less than this is slower than copying; so many in a row, and we copy again. */
const smallBytes = 32 * 1024;
const smallSplices = 64;
/** What a copying read takes at most between plain legs: it stays in the processor's cache. */
const plainCopyBytes = 64 * 1024;

/** By then it is worth a call to learn how far the target is. */
const settleBytes = 64 * 1024;

export interface FlowOptions {
  readonly loop: Loop;
  readonly source: Leg;
  readonly target: Leg;
  readonly budget: Budget;
  readonly row: ConnectionRow;
  /** From the client to the target. */
  readonly inward: boolean;
  /** The forwarder's counters, and the one to add to. */
  readonly counters: Float64Array;
  readonly counter: number;
}

/** One direction of a connection: takes bytes from one leg and gives them to the other. */
export class Flow {
  waiting: Waiting = 'source';
  /** The other direction has ended. */
  isLast = false;
  /** Bytes taken from the source so far. */
  moved = 0;
  readonly #options: FlowOptions;
  readonly #zeroCopy: boolean;
  readonly #copyBytes: number;
  #buffer: Memory | undefined;
  #from = 0;
  #to = 0;
  #pipe: Pipe | undefined;
  #inPipe = 0;
  #largeReads = 0;
  #smallSplices = 0;
  #sourceEnded = false;

  constructor(options: FlowOptions) {
    this.#options = options;
    this.#zeroCopy = options.source.raw && options.target.raw;
    const { copyBytes } = options.loop;
    this.#copyBytes = this.#zeroCopy ? Math.min(plainCopyBytes, copyBytes) : copyBytes;
  }

  /** Where to wait for what the rate allows. */
  get budget(): Budget {
    return this.#options.budget;
  }

  /** Moves what can be moved now; `waiting` tells what has to come first. */
  pump(): void {
    this.waiting = this.#run();
    if (this.waiting !== 'target') this.#giveBuffersBack();
  }

  /** Frees what it holds; bytes that have not arrived are lost. */
  dispose(): void {
    const { pipes } = this.#options.loop;
    this.budget.leave(this);
    if (this.#pipe) pipes.discard(this.#pipe);
    this.#pipe = undefined;
    this.#inPipe = 0;
    this.#from = this.#to = 0;
    this.#giveBuffersBack();
  }

  #run(): Waiting {
    // Whatever has come since, a new look at the source will find.
    let drained = false;
    for (let step = 0; step < stepsPerTurn; step++) {
      const blocked = this.#drain();
      if (blocked) return blocked;
      if (this.#sourceEnded) return this.#endTarget();
      if (drained) return this.#paused('source');
      const filled = this.#fill();
      if (typeof filled === 'string') return filled;
      drained = filled.drained;
    }
    return this.#paused('turn');
  }

  /** Closing says the same as a half-close, and the last direction is followed by it. */
  #endTarget(): Waiting {
    const { target } = this.#options;
    return this.isLast && target.raw ? 'nothing' : this.#answered(target.endWriting(), 'nothing');
  }

  /** Gives the target what is held; undefined when nothing is left. */
  #drain(): Waiting | undefined {
    const { target, loop } = this.#options;
    while (this.#inPipe > 0 && this.#pipe) {
      const n = loop.native.libc.splice(this.#pipe.reader, target.fd, this.#inPipe, moveNow);
      if (n < 0) return this.#answered(n, 'broken');
      this.#inPipe -= n;
    }
    while (this.#from < this.#to && this.#buffer) {
      const n = target.write(this.#buffer, this.#from, this.#to - this.#from);
      if (n < 0) return this.#answered(n, 'broken');
      this.#from += n;
    }
    return undefined;
  }

  /** Takes from the source as much as the rate allows, and tells whether there may be more now. */
  #fill(): Waiting | { readonly drained: boolean } {
    const { budget, source } = this.#options;
    const splicing = this.#zeroCopy && this.#largeReads >= bulkReads ? this.#borrowPipe() : undefined;
    const wanted = splicing ? splicing.capacity : this.#copyBytes;
    const allowed = budget.take(this, wanted);
    if (allowed === 0) return this.#paused('rate');
    const n = splicing ? this.#splice(splicing, allowed) : this.#copy(allowed);
    if (n < allowed) budget.giveBack(allowed - Math.max(0, n));
    if (n < 0) {
      return n === -errno.EAGAIN ? this.#paused('source') : 'broken';
    }
    if (n === 0) this.#sourceEnded = true;
    this.#count(n);
    // Reading again would find nothing, unless an end was announced that no further event will tell of.
    return n < allowed && !source.ended && !splicing ? drainedSource : moreInSource;
  }

  #copy(length: number): number {
    this.#buffer ??= this.#options.loop.buffers.take();
    const n = this.#options.source.read(this.#buffer, 0, length);
    this.#from = 0;
    this.#to = Math.max(0, n);
    this.#largeReads = n >= bulkBytes ? this.#largeReads + 1 : 0;
    return n;
  }

  #splice(pipe: Pipe, length: number): number {
    const n = this.#options.loop.native.libc.splice(this.#options.source.fd, pipe.writer, length, moveNow);
    if (n > 0) this.#inPipe = n;
    if (n >= smallBytes) this.#smallSplices = 0;
    else if (n > 0 && ++this.#smallSplices > smallSplices) this.#largeReads = this.#smallSplices = 0;
    return n;
  }

  /** Undefined when the system has no pipe for us now: then we copy. */
  #borrowPipe(): Pipe | undefined {
    this.#pipe ??= this.#options.loop.pipes.take();
    return this.#pipe;
  }

  /** A silent connection holds neither pipe nor buffer. */
  #giveBuffersBack(): void {
    const { loop } = this.#options;
    if (this.#pipe && this.#inPipe === 0) {
      loop.pipes.give(this.#pipe);
      this.#pipe = undefined;
    }
    if (this.#buffer && this.#from === this.#to) {
      loop.buffers.give(this.#buffer);
      this.#buffer = undefined;
    }
  }

  #count(n: number): void {
    const { loop, target, counters, counter, row, inward } = this.#options;
    const before = this.moved;
    this.moved += n;
    if (before < settleBytes && this.moved >= settleBytes) loop.congestion.settle(target.fd);
    counters[counter] = (counters[counter] ?? 0) + n;
    row.moved(inward, this.moved);
  }

  /** There is nothing to give to the target until then. */
  #paused(until: Waiting): Waiting {
    this.#options.target.flush();
    return until;
  }

  /** What a call of the target means: it is full, it is broken, or `otherwise`. */
  #answered(n: number, otherwise: Waiting): Waiting {
    if (n === -errno.EAGAIN) return 'target';
    return n < 0 ? 'broken' : otherwise;
  }
}

const moveNow = spliceFlag.move | spliceFlag.nonBlocking;
const drainedSource = { drained: true };
const moreInSource = { drained: false };
