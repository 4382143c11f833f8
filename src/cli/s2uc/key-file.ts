import { open, rename, rm } from 'node:fs/promises';
import { errnoOf, messageOf, SciStreamError } from '../../core/errors.js';
import { keyFromHex } from '../../core/protection.js';
import { Secret } from '../../core/secret.js';

/** 256 bits. */
const keyBytes = 32;
/** More than the longest key with its line end. */
const largestFile = 1024;

/** A file with a new key, which is removed again when disposed unless it was to be kept. */
export class NewKeyFile implements AsyncDisposable {
  readonly key: Secret;
  readonly #file: string;
  /** Where the key lies until it is kept; another file than a key that it replaces. */
  readonly #draft: string;
  #kept = false;

  private constructor(file: string, draft: string, key: Secret) {
    this.#file = file;
    this.#draft = draft;
    this.key = key;
  }

  /** Makes a random key and writes it as hexadecimal digits, for its user only. `force` replaces what is there once kept. */
  static async create(file: string, force: boolean): Promise<NewKeyFile> {
    const draft = force ? `${file}.${process.pid}.tmp` : file;
    const created = new NewKeyFile(file, draft, Secret.random(keyBytes));
    // Exclusive: neither a key that is in use nor what a link points at is ever written over.
    const handle = await open(draft, 'wx', 0o600).catch((error: unknown) => {
      throw creationError(file, error);
    });
    try {
      await handle.writeFile(`${Buffer.from(created.key.expose()).toString('hex')}\n`);
      await handle.sync();
    } catch (error) {
      await created[Symbol.asyncDispose]();
      throw creationError(file, error);
    } finally {
      await handle.close();
    }
    return created;
  }

  async keep(): Promise<void> {
    this.#kept = true;
    if (this.#draft !== this.#file) await rename(this.#draft, this.#file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#kept) await rm(this.#draft, { force: true });
  }
}

/** The key in a file. Throws BAD_FORMAT, without a word of its content, when others could read it or it is no key. */
export async function readKeyFile(file: string): Promise<Secret> {
  const key = keyFromHex((await readPrivate(file)).trim());
  if (key) return key;
  throw new SciStreamError(
    'BAD_FORMAT',
    `--key-file ${file} holds no key: 32 to 128 hexadecimal digits, as inbound-request writes them.`,
  );
}

async function readPrivate(file: string): Promise<string> {
  try {
    await using handle = await open(file, 'r');
    const { mode, size } = await handle.stat();
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      const advice = `run "chmod 600 ${file}", or make a new key if they may have read it.`;
      throw new SciStreamError('BAD_FORMAT', `Others can read --key-file ${file} (mode ${shown}); ${advice}`);
    }
    return size > largestFile ? '' : await handle.readFile('utf8');
  } catch (error) {
    if (error instanceof SciStreamError) throw error;
    throw new SciStreamError('BAD_FORMAT', `Cannot read --key-file ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function creationError(file: string, error: unknown): SciStreamError {
  const reason =
    errnoOf(error) === 'EEXIST'
      ? `--key-file ${file} exists already; choose another file, or replace it with --force.`
      : `Cannot write --key-file ${file}: ${messageOf(error)}`;
  return new SciStreamError('BAD_FORMAT', reason, { cause: error });
}
