import { constants } from 'node:fs';
import { lstat, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../../../../core/errors.js';
import { Serial } from '../../../../core/serial.js';
import type { Logger } from '../../../../observe/logger.js';
import { logName, type Journal } from './journal.js';

const chunk = 1 << 16;
/** The folder may belong to the program's user, who could put links and pipes there. */
const reading = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export interface LogFileOptions {
  readonly folder: string;
  readonly journal: Journal;
  /** Gets each line of stunnel once, at debug level. */
  readonly logger: Logger;
  /** An earlier agent has started stunnel: what is there already is in that one's log. */
  readonly adopted: boolean;
  /** Makes the program close the log and open it anew (SIGUSR1). */
  readonly reopen: () => Promise<void>;
  /** Bytes from which a new file is begun. */
  readonly limit?: number;
}

/**
 * Follows stunnel's log and keeps it small without losing a line: the file gets another name, stunnel opens a new one, and once
 * it has, the old one is read to its end and removed. A line in the new file says what the journal had counted by then, so
 * that an agent started later counts on from there.
 */
export class LogFile {
  readonly #current: string;
  readonly #old: string;
  readonly #options: LogFileOptions;
  readonly #serial = new Serial();
  #position = 0;
  #rest = '';
  #started = false;
  /** The old file is not read to its end yet. */
  #renewing = false;
  #asked = false;
  /** What is read is in the log of an earlier agent. */
  #logged: boolean;

  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#logged = options.adopted;
    this.#current = path.join(options.folder, logName);
    this.#old = `${this.#current}.old`;
  }

  /** Feeds the journal and our log with what has been added. */
  read(): Promise<void> {
    return this.#serial.run(() => this.#read());
  }

  async #read(): Promise<void> {
    if (!this.#started) await this.#takeUp();
    if (this.#renewing) {
      await this.#ask();
      await this.#renew();
    }
    if (this.#renewing) return;
    await this.#drain(this.#current);
    if (this.#position < (this.#options.limit ?? 4 << 20)) return;
    await rename(this.#current, this.#old);
    this.#renewing = true;
    this.#asked = false;
    await this.#ask();
  }

  /** To go on in a new file; again when it could not be asked. */
  async #ask(): Promise<void> {
    if (this.#asked) return;
    await this.#options.reopen();
    this.#asked = true;
  }

  /** The first time: what an earlier agent has left. */
  async #takeUp(): Promise<void> {
    const { journal } = this.#options;
    const known = await countedBefore(this.#current);
    if (known !== undefined) {
      journal.restore(known);
      await rm(this.#old, { force: true });
    } else if ((await sizeOf(this.#old)) > 0) {
      const knownThen = await countedBefore(this.#old);
      if (knownThen !== undefined) journal.restore(knownThen);
      this.#renewing = true;
      // That agent may have ended before it could say so.
      this.#asked = (await sizeOf(this.#current)) > 0;
    }
    this.#started = true;
  }

  async #renew(): Promise<void> {
    // Asked first: once there is a new file, nothing is added to the old one.
    const reopened = (await sizeOf(this.#current)) > 0;
    await this.#drain(this.#old);
    if (!reopened) return;
    await append(this.#current, `counted ${this.#options.journal.save()}\n`);
    await rm(this.#old, { force: true });
    this.#renewing = false;
    this.#position = 0;
    this.#rest = '';
  }

  async #drain(file: string): Promise<void> {
    const handle = await ifThere(open(file, reading));
    if (!handle) return;
    try {
      const buffer = Buffer.alloc(chunk);
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, chunk, this.#position);
        if (bytesRead === 0) return;
        this.#position += bytesRead;
        // stunnel writes ASCII only where the journal looks.
        const lines = (this.#rest + buffer.toString('latin1', 0, bytesRead)).split('\n');
        this.#rest = lines.pop() ?? '';
        for (const line of lines) this.#feed(line);
      }
    } finally {
      this.#logged = false;
      await handle.close();
    }
  }

  #feed(line: string): void {
    const { journal, logger } = this.#options;
    journal.feed(line);
    if (!this.#logged && !counted.test(line)) logger.debug(line);
  }
}

/** The line that we add to a new file. */
const counted = /^counted (\{.*\})$/m;

/** What a journal had counted when the file was new. */
async function countedBefore(file: string): Promise<string | undefined> {
  const handle = await ifThere(open(file, reading));
  if (!handle) return undefined;
  try {
    // It is among the first lines.
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(chunk), 0, chunk, 0);
    return counted.exec(buffer.toString('latin1', 0, bytesRead))?.[1];
  } finally {
    await handle.close();
  }
}

async function sizeOf(file: string): Promise<number> {
  return (await ifThere(lstat(file)))?.size ?? 0;
}

async function append(file: string, text: string): Promise<void> {
  const handle = await open(file, appending);
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}

/** Undefined when there is no such file. */
async function ifThere<T>(opened: Promise<T>): Promise<T | undefined> {
  try {
    return await opened;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
