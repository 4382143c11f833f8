import { existsSync } from 'node:fs';
import { readdir, realpath, rm, unlink } from 'node:fs/promises';
import path from 'node:path';
import { show } from '../../core/endpoint.js';
import { errnoOf, SciStreamError } from '../../core/errors.js';
import { ensurePrivateDir, writePrivate } from '../../platform/state-dir.js';
import type { Place } from './runner.js';

const safeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** True for what can be the name of a file or a part of a container's: no separator, and not '.' or '..'. */
export function isSafeName(text: string): boolean {
  return safeName.test(text);
}

/**
 * The private folders of reservations, side by side in one folder, which runners share. A file beside each says whose it is: not
 * in it, as it may be given to the program's user.
 */
export class Places {
  readonly #folder: string;
  readonly #suffix: string;

  constructor(folder: string, runner: 'process' | 'docker') {
    this.#folder = path.resolve(folder);
    this.#suffix = `.${runner}`;
  }

  /** Makes the one of `id`, or finds it. Throws BAD_FORMAT when the id cannot be a file's name. */
  async make(id: string): Promise<Place> {
    const name = folderName(id);
    await ensurePrivateDir(this.#folder);
    // As the kernel writes it: programs are known by the folder they run in.
    const folder = path.join(await realpath(this.#folder), name);
    await writePrivate(this.#mark(name), '', { durable: false });
    await ensurePrivateDir(folder);
    return { folder, seenAs: folder };
  }

  /** The path of one that was made by the same runner. */
  async find(id: string): Promise<string | undefined> {
    return existsSync(this.#mark(folderName(id))) ? path.join(await realpath(this.#folder), id) : undefined;
  }

  /** The ids of all that were made by the same runner. */
  async ids(): Promise<readonly string[]> {
    const names = await readdir(this.#folder).catch((error: unknown): string[] => {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    });
    const ids = names.flatMap((name) => (name.endsWith(this.#suffix) ? name.slice(0, -this.#suffix.length) : []));
    return ids.filter(isSafeName);
  }

  /** Removes the files, and with them all that is secret. */
  async strip(id: string): Promise<void> {
    await removeFiles(path.join(this.#folder, folderName(id)));
  }

  /** Removes one with all that is in it. */
  async remove(id: string): Promise<void> {
    await rm(path.join(this.#folder, folderName(id)), { recursive: true, force: true });
    await rm(this.#mark(id), { force: true });
  }

  #mark(id: string): string {
    return path.join(this.#folder, `${id}${this.#suffix}`);
  }
}

/** The folder of a reservation is called as its id. Throws BAD_FORMAT when that cannot be the name of a file. */
export function folderName(id: string): string {
  if (isSafeName(id)) return id;
  throw new SciStreamError('BAD_FORMAT', `The reservation's id ${show(id)} cannot be the name of a folder.`);
}

/**
 * Removes the files in a folder, but for one. A program that still runs may own the folder: nothing below it is entered, as what
 * is a folder now may lead elsewhere in a moment.
 */
export async function removeFiles(folder: string, kept?: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => !entry.isDirectory() && entry.name !== kept).map(({ name }) => name);
  for (const name of names) {
    await unlink(path.join(folder, name)).catch((error: unknown) => {
      if (!['ENOENT', 'EISDIR', 'EPERM'].includes(errnoOf(error) ?? '')) throw error;
    });
  }
}
