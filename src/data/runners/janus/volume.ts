import { chmod, lstat, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, messageOf, SciStreamError } from '../../../core/errors.js';
import { folderName, isSafeName } from '../places.js';

/** Storage that this machine and Janus' containers share, with a private folder for each reservation. */
export class Volume {
  readonly folder: string;
  readonly #seenAs: string;

  /** `seenAs` is where containers see it. */
  constructor({ folder, seenAs }: { readonly folder: string; readonly seenAs: string }) {
    this.folder = folder;
    this.#seenAs = seenAs;
  }

  /** Throws BAD_FORMAT when the id cannot be the name of a folder. */
  folderOf(id: string): string {
    return path.join(this.folder, folderName(id));
  }

  seenAs(id: string): string {
    return path.posix.join(this.#seenAs, folderName(id));
  }

  /** Not with its parents: where the volume is not mounted, nothing must be written that no container would see. */
  async make(id: string): Promise<void> {
    const folder = this.folderOf(id);
    try {
      await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
        if (errnoOf(error) !== 'EEXIST') throw error;
      });
      if (!(await lstat(folder)).isDirectory()) throw new Error('it is not a folder');
      await chmod(folder, 0o700);
    } catch (error) {
      throw new SciStreamError(
        'SERVER_ERR',
        `The folder ${folder} on the volume of Janus cannot be used: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** The names of all folders that may be reservations', those of other gateways too. Throws UNAVAILABLE when the volume is not there. */
  async ids(): Promise<readonly string[]> {
    try {
      const entries = await readdir(this.folder, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory() && isSafeName(entry.name)).map(({ name }) => name);
    } catch (error) {
      const text = `The volume of Janus at ${this.folder} cannot be read: ${messageOf(error)}`;
      throw new SciStreamError('UNAVAILABLE', text, { cause: error });
    }
  }
}
