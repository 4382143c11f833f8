import { existsSync } from 'node:fs';
import { readdir, realpath, rm } from 'node:fs/promises';
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

/** The private folders of reservations, side by side in one folder, which runners share: each marks its own. */
export class Places {
  readonly #folder: string;
  readonly #mark: string;

  constructor(folder: string, runner: 'process' | 'docker') {
    this.#folder = path.resolve(folder);
    this.#mark = `.${runner}`;
  }

  /** Makes the one of `id`, or finds it. Throws BAD_FORMAT when the id cannot be a file's name. */
  async make(id: string): Promise<Place> {
    const name = folderName(id);
    await ensurePrivateDir(this.#folder);
    // As the kernel writes it: programs are known by the folder they run in.
    const folder = path.join(await realpath(this.#folder), name);
    await ensurePrivateDir(folder);
    await writePrivate(path.join(folder, this.#mark), '', { durable: false });
    return { folder, seenAs: folder };
  }

  /** The path of one that was made by the same runner. */
  async find(id: string): Promise<string | undefined> {
    if (!this.#has(folderName(id))) return undefined;
    return path.join(await realpath(this.#folder), id);
  }

  /** The ids of all that were made by the same runner. */
  async ids(): Promise<readonly string[]> {
    const names = await readdir(this.#folder).catch((error: unknown): string[] => {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    });
    return names.filter((name) => isSafeName(name) && this.#has(name));
  }

  /** Removes all that is secret, and leaves what says that there is something to end. */
  async strip(id: string): Promise<void> {
    await removeAllBut(this.#mark, path.join(this.#folder, folderName(id)));
  }

  /** Removes one with all that is in it. */
  async remove(id: string): Promise<void> {
    await rm(path.join(this.#folder, folderName(id)), { recursive: true, force: true });
  }

  #has(name: string): boolean {
    return existsSync(path.join(this.#folder, name, this.#mark));
  }
}

/** The folder of a reservation is called as its id. Throws BAD_FORMAT when that cannot be the name of a file. */
export function folderName(id: string): string {
  if (isSafeName(id)) return id;
  throw new SciStreamError('BAD_FORMAT', `The reservation's id ${show(id)} cannot be the name of a folder.`);
}

/** Removes what is in a folder, but for one file. */
export async function removeAllBut(kept: string, folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name !== kept);
  await Promise.all(names.map((name) => rm(path.join(folder, name), { recursive: true, force: true })));
}
