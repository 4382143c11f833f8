import { messageOf, SciStreamError, toSciStreamError } from '../../core/errors.js';
import type { Logger } from '../../observe/logger.js';
import { launch, runToEnd, type Launched } from '../../platform/launch.js';
import { endGroup, identityOf } from '../../platform/processes.js';
import { endLeftovers } from './process/leftovers.js';
import { adoptedProcess, startedProcess, type MainProcess } from './process/main-process.js';
import { Places } from './places.js';
import { readRecord, removeRecord, writeRecord, type ProcessRecord } from './process/record.js';
import { Supervised } from './process/supervised.js';
import type { Availability, Job, Place, Program, ProgramRunner, Running } from './runner.js';
import { lastWords, startFailure } from './words.js';

/** Milliseconds for a program to tell its version or to check its configuration. */
const answerMs = 10_000;

export interface ProcessRunnerOptions {
  /** Of all reservations; each gets a private folder in it. */
  readonly folder: string;
  readonly logger: Logger;
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly graceMs?: number;
}

/**
 * Runs programs as processes of this machine, each the leader of a session of its own: it lives on when the agent dies, and
 * what is left of it can be ended as a group. Only where there is /proc are programs of an earlier agent found again.
 */
export function processRunner({ folder, logger, graceMs = 5_000 }: ProcessRunnerOptions): ProgramRunner {
  return new ProcessRunner(new Places(folder, 'process'), logger, graceMs);
}

class ProcessRunner implements ProgramRunner {
  readonly #places: Places;
  readonly #logger: Logger;
  readonly #graceMs: number;

  constructor(places: Places, logger: Logger, graceMs: number) {
    this.#places = places;
    this.#logger = logger;
    this.#graceMs = graceMs;
  }

  async check(program: Program): Promise<Availability> {
    try {
      const told = await runToEnd(program.commands, program.versionArguments, { timeoutMs: answerMs });
      const version = program.versionPattern.exec(told.output)?.[1];
      if (version !== undefined) return { available: true, version };
      if (told.code === 0) return { available: true };
      const words = lastWords(told.output);
      const does = told.timedOut ? `did not tell its version within ${answerMs} ms` : 'cannot be run';
      return { available: false, reason: `${told.command} ${does}${words === '' ? '.' : `: ${words}`}` };
    } catch (error) {
      return { available: false, reason: startFailure(program, error).message };
    }
  }

  place(id: string): Promise<Place> {
    return this.#places.make(id);
  }

  async verify({ program, checkArguments, place }: Job): Promise<void> {
    if (!checkArguments) return;
    const { code, timedOut, output } = await runToEnd(program.commands, checkArguments, {
      ...{ timeoutMs: answerMs, cwd: place.folder },
    }).catch((error: unknown) => {
      throw startFailure(program, error);
    });
    if (code === 0) return;
    const what = timedOut
      ? `did not check its configuration within ${answerMs} ms`
      : 'does not accept its configuration';
    throw new SciStreamError('SERVER_ERR', `${program.name} ${what}: ${lastWords(output)}`);
  }

  async start(job: Job): Promise<Running> {
    const { program, place } = job;
    const launched = await launch(program.commands, job.arguments, {
      ...{ detached: true, cwd: place.folder, stdio: ['ignore', 'pipe', 'pipe'] },
    }).catch((error: unknown) => {
      throw startFailure(program, error);
    });
    const main = startedProcess(launched, job.logger);
    try {
      remember(launched, place.folder);
    } catch (error) {
      await endGroup(launched.pid);
      await main.exited;
      throw new SciStreamError(
        'SERVER_ERR',
        `${program.name} was stopped again, as ${place.folder} cannot be written to: ${messageOf(error)}`,
        { cause: error },
      );
    }
    return this.#supervise(main, program.name, place.folder, job.logger);
  }

  async adopt({ program, place, logger }: Job): Promise<Running | undefined> {
    return this.#takeOver(program.name, place.folder, logger);
  }

  left(): Promise<readonly string[]> {
    return this.#places.ids();
  }

  async end(id: string): Promise<void> {
    const folder = await this.#places.find(id);
    if (folder !== undefined) {
      const running = await this.#takeOver(`the program of reservation ${id}`, folder, this.#logger);
      await running?.[Symbol.asyncDispose]();
    }
    await this.#places.remove(id);
  }

  async #takeOver(name: string, folder: string, logger: Logger): Promise<Running | undefined> {
    const record = await this.#recordOf(folder);
    if (!record) return undefined;
    if (identityOf(record.pid) === record.identity) {
      return this.#supervise(adoptedProcess(record.pid, record.identity), name, folder, logger);
    }
    await endLeftovers(record, folder);
    await removeRecord(folder);
    return undefined;
  }

  /** One that cannot be read is as good as none: whose process it means cannot be known. */
  async #recordOf(folder: string): Promise<ProcessRecord | undefined> {
    try {
      return await readRecord(folder);
    } catch (error) {
      this.#logger.warn({ err: toSciStreamError(error) }, `the record of a process in ${folder} cannot be read`);
      return undefined;
    }
  }

  #supervise(main: MainProcess, name: string, folder: string, logger: Logger): Running {
    return new Supervised({ main, name, folder, graceMs: this.#graceMs, logger });
  }
}

function remember({ pid, command }: Launched, folder: string): void {
  const identity = identityOf(pid);
  // Not known where there is no /proc. A program that has ended already is still there, as nobody has collected it yet.
  if (identity !== undefined) writeRecord(folder, { pid, identity, command });
}
