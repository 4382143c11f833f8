import { readdir, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, SciStreamError } from '../../../core/errors.js';
import { ensurePrivateDir } from '../../../platform/state-dir.js';
import { isSafeId, requireSafeId } from './names.js';

/** The private folders of reservations, side by side in one folder. */
export class Folders {
  readonly #base: string;

  constructor(base: string) {
    this.#base = path.resolve(base);
  }

  /** Makes the one of `id`, or finds it. */
  async make(id: string): Promise<string> {
    requireSafeId(id);
    await ensurePrivateDir(this.#base);
    const folder = path.join(await realpath(this.#base), id);
    await ensurePrivateDir(folder);
    return folder;
  }

  /** All that are there; undefined when there has never been one. */
  async ids(): Promise<readonly string[] | undefined> {
    try {
      const entries = await readdir(this.#base, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory() && isSafeId(entry.name)).map(({ name }) => name);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Removes one with all that is in it. Throws SERVER_ERR for a folder that is not one of these. */
  async remove(folder: string): Promise<void> {
    const id = path.basename(folder);
    const base = await realpath(this.#base).catch(() => this.#base);
    if (!isSafeId(id) || path.join(base, id) !== folder) {
      throw new SciStreamError('SERVER_ERR', `${folder} is no reservation's folder in ${base}: it is not removed.`);
    }
    await rm(folder, { recursive: true, force: true });
  }

  async removeId(id: string): Promise<void> {
    await rm(path.join(this.#base, requireSafeId(id)), { recursive: true, force: true });
  }
}
