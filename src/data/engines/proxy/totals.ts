import path from 'node:path';
import { z } from 'zod';
import { errnoOf, messageOf } from '../../../core/errors.js';
import { Serial } from '../../../core/serial.js';
import type { Logger } from '../../../observe/logger.js';
import { readPlain, writePrivate } from '../../../platform/state-dir.js';
import type { Counters } from '../engine.js';

/** Those that only grow. */
const names = [
  'bytesIn',
  'bytesOut',
  'totalConnections',
  'refusedConnections',
  'failedHandshakes',
  'retransmits',
  'droppedDatagrams',
] as const;
const sumsForm = z.partialRecord(z.enum(names), z.int().nonnegative());
const stateForm = z.strictObject({
  /** Of programs that have ended. */
  ended: sumsForm,
  /** Of the one that runs, as far as it is known. */
  current: sumsForm,
  /** Those of which that is not all now. */
  unknown: z.array(z.enum(names)).default([]),
});

type Sums = z.infer<typeof sumsForm>;
type State = z.infer<typeof stateForm>;

/**
 * What the programs of one reservation have counted, one after the other, each from zero. A file tells it to the next agent, and
 * nothing is told to others before it is there: no counter goes back when an agent dies. What one program has counted is added
 * to what has ended before another is started, so that `current` is always about the program that may be found running.
 *
 * A counter that a program does not know at the moment, as it has open connections whose bytes nobody tells, is absent until it
 * does: what was known before would look as if nothing moved. It comes back no lower than it was.
 */
export class Totals {
  readonly #file: string;
  readonly #logger: Logger;
  readonly #turn = new Serial();
  #state: State;
  /** Those that come and go. */
  #now: Pick<Counters, 'openConnections' | 'rttUs'> = {};

  private constructor(file: string, state: State, logger: Logger) {
    this.#file = file;
    this.#state = state;
    this.#logger = logger;
  }

  /** Goes on with what an earlier agent has left in the folder. */
  static async open(folder: string, logger: Logger): Promise<Totals> {
    const file = path.join(folder, 'totals.json');
    try {
      const state = stateForm.parse(JSON.parse(await readPlain(file)));
      return new Totals(file, state, logger);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') logger.warn({ file, reason: messageOf(error) }, 'counters start from zero');
      return new Totals(file, { ended: {}, current: {}, unknown: [] }, logger);
    }
  }

  /** What the program that runs now has counted. Where that is less than before it is an estimate, and the higher one stays. */
  set({ openConnections, rttUs, ...sums }: Counters): Promise<void> {
    return this.#turn.run(async () => {
      const { ended, current } = this.#state;
      const isGone = (name: keyof Sums): boolean =>
        sums[name] === undefined && (ended[name] ?? current[name]) !== undefined;
      const unknown = names.filter(isGone);
      await this.#keep({ ended, current: combined(current, sums, Math.max), unknown });
      this.#now = { ...(openConnections !== undefined && { openConnections }), ...(rttUs !== undefined && { rttUs }) };
    });
  }

  /** The program has ended, and its connections with it: to be awaited before another one is started. Never rejects. */
  restart(): Promise<void> {
    return this.#turn.run(async () => {
      this.#now = { openConnections: 0 };
      const { ended, current } = this.#state;
      await this.#keep({ ended: combined(ended, current, (one, other) => one + other), current: {}, unknown: [] });
    });
  }

  get value(): Counters {
    const { ended, current, unknown } = this.#state;
    const sums = Object.entries(combined(ended, current, (one, other) => one + other));
    const known = sums.filter(([name]) => !unknown.some((other) => other === name));
    return { ...Object.fromEntries(known), ...this.#now };
  }

  async #keep(state: State): Promise<void> {
    const text = JSON.stringify(state);
    try {
      if (text !== JSON.stringify(this.#state)) await writePrivate(this.#file, text, { durable: false });
    } catch (error) {
      this.#logger.debug({ reason: messageOf(error) }, 'the counters of the proxy could not be saved');
    }
    this.#state = state;
  }
}

function combined(some: Sums, others: Sums, combine: (one: number, other: number) => number): Sums {
  const known = names.filter((name) => some[name] !== undefined || others[name] !== undefined);
  return Object.fromEntries(known.map((name) => [name, combine(some[name] ?? 0, others[name] ?? 0)]));
}
