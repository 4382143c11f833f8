import { messageOf } from '../core/errors.js';
import type { Retries } from '../core/retry.js';
import type { Logger } from '../observe/logger.js';
import type { PortLease } from './ports.js';
import type { Records } from './records.js';
import type { ProgramRunner } from './runners/runner.js';

/** Ends the programs of reservations that are over: now, or as soon as what runs them can be reached. */
export class Endings {
  readonly #records: Records;
  readonly #logger: Logger;
  readonly #ids = new Set<string>();
  readonly #retries: Retries;

  /** `retries` end what is tried: what is left then has its record, or is found by the next agent. */
  constructor(records: Records, retries: Retries, logger: Logger) {
    this.#records = records;
    this.#retries = retries;
    this.#logger = logger;
  }

  /** From now on it is to be ended, by nobody but who calls this. False when somebody else ends it. */
  claim(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    return true;
  }

  /** For one that was claimed. Resolves after the first attempt. The ports stay taken until nothing can listen on them any more. */
  async end(id: string, programs: ProgramRunner, lease?: PortLease): Promise<void> {
    const end = async (): Promise<void> => {
      await programs.end(id);
      await this.#records.remove(id);
      lease?.[Symbol.dispose]();
      this.#ids.delete(id);
    };
    await this.#retries.attempt(end, (error) => {
      this.#logger.error({ reservation: id, reason: messageOf(error) }, 'a stream could not be ended; trying again');
    });
  }

  /** Ends what earlier agents have left and no record tells of: all but what `isKnown`. */
  async endUnknown(programs: ProgramRunner, isKnown: (id: string) => boolean): Promise<void> {
    const end = async (): Promise<void> => {
      for (const id of await programs.left()) if (!isKnown(id) && this.claim(id)) await this.end(id, programs);
    };
    await this.#retries.attempt(end, (error) => {
      const reason = messageOf(error);
      this.#logger.error({ reason }, 'what earlier data servers have left is not known; trying again');
    });
  }
}
