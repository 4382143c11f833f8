import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { errnoOf, messageOf, SciStreamError } from '../core/errors.js';
import { ensurePrivateDir, writePrivate } from '../platform/state-dir.js';

const content = z.strictObject({ tokens: z.record(z.string(), z.string()) });

/** A user's tokens, one for each scope, in a file that only the user can read. */
export class TokenStore {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  async get(scope: string): Promise<string | undefined> {
    return (await this.#read())[scope];
  }

  async scopes(): Promise<string[]> {
    return Object.keys(await this.#read());
  }

  async put(scope: string, token: string): Promise<void> {
    await this.#write({ ...(await this.#read()), [scope]: token });
  }

  /** Forgets the token of one scope, or all of them. */
  async remove(scope?: string): Promise<void> {
    const kept = scope === undefined ? [] : Object.entries(await this.#read()).filter(([known]) => known !== scope);
    if (kept.length === 0) await rm(this.#file, { force: true });
    else await this.#write(Object.fromEntries(kept));
  }

  async #read(): Promise<Record<string, string>> {
    try {
      return content.parse(JSON.parse(await readFile(this.#file, 'utf8'))).tokens;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return {};
      throw new SciStreamError('BAD_FORMAT', `The token file ${this.#file} cannot be read; run logout to start anew.`, {
        cause: error,
      });
    }
  }

  async #write(tokens: Record<string, string>): Promise<void> {
    await ensurePrivateDir(path.dirname(this.#file));
    try {
      await writePrivate(this.#file, `${JSON.stringify({ tokens }, undefined, 2)}\n`);
    } catch (error) {
      throw new SciStreamError('BAD_FORMAT', `The token file ${this.#file} cannot be written: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}
