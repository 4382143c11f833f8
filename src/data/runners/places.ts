import { readdir, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { show } from '../../core/endpoint.js';
import { errnoOf, SciStreamError } from '../../core/errors.js';
import { ensurePrivateDir } from '../../platform/state-dir.js';
import type { Place } from './runner.js';

const safeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** True for what can be the name of a file or a part of a container's: no separator, and not '.' or '..'. */
export function isSafeName(text: string): boolean {
  return safeName.test(text);
}

/** The private folders of reservations, side by side in one folder. */
export class Places {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = path.resolve(folder);
  }

  /** Makes the one of `id`, or finds it. Throws BAD_FORMAT when the id cannot be a file's name. */
  async make(id: string): Promise<Place> {
    if (!isSafeName(id)) {
      throw new SciStreamError('BAD_FORMAT', `The reservation's id ${show(id)} cannot be the name of a folder.`);
    }
    await ensurePrivateDir(this.#folder);
    // As the kernel writes it: programs are known by the folder they run in.
    const folder = path.join(await realpath(this.#folder), id);
    await ensurePrivateDir(folder);
    return { folder, seenAs: folder };
  }

  /** All that are there; undefined when there has never been one. */
  async ids(): Promise<readonly string[] | undefined> {
    try {
      const entries = await readdir(this.#folder, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory() && isSafeName(entry.name)).map(({ name }) => name);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Removes one with all that is in it. Throws SERVER_ERR for a folder that is not one of these. */
  async remove({ folder }: Place): Promise<void> {
    const name = path.basename(folder);
    const parent = await realpath(this.#folder).catch(() => this.#folder);
    if (!isSafeName(name) || path.join(parent, name) !== folder) {
      throw new SciStreamError('SERVER_ERR', `${folder} is no reservation's folder in ${parent}: it is not removed.`);
    }
    await rm(folder, { recursive: true, force: true });
  }
}
