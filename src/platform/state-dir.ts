import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { constants, rmSync } from 'node:fs';
import { errnoOf, messageOf, SciStreamError } from '../core/errors.js';

/** Linux keeps a Unix socket's path in 108 bytes, the closing zero included. */
const longestSocketPath = 107;

/**
 * Creates a folder that only this user can enter. One that is there already stays as it is, and is refused when others could
 * put something into it.
 */
export async function ensurePrivateDir(dir: string): Promise<void> {
  let mode: number;
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    ({ mode } = await stat(dir));
  } catch (error) {
    throw new SciStreamError('BAD_FORMAT', `The state folder ${dir} cannot be used: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if ((mode & 0o022) !== 0) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `Others can write to the folder ${dir}; choose one of your own, or chmod it to 700.`,
    );
  }
}

/**
 * Writes a file only this user can read; readers see the old content or the new, never half of it. What means nothing once this
 * machine has lost its power need not be `durable`, which is quicker.
 */
export async function writePrivate(file: string, content: string, { durable = true } = {}): Promise<void> {
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    // Made anew: in a folder that a program of another user may write to, what is there already may lead elsewhere.
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      if (durable) await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** More than any file of ours has. */
const longestFile = 16 << 20;

/** Reads a file in a folder that another user may write to. Throws for what is no plain file, such as a link or a pipe, or too long. */
export async function readPlain(file: string): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = await handle.stat();
    if (!found.isFile() || found.size > longestFile) {
      throw new SciStreamError(
        'SERVER_ERR',
        `${file} is not what was written there: it is no plain file, or too long.`,
      );
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** The path of a socket in a folder chosen by `flag`. Throws BAD_FORMAT when the system could not hold it. */
export function socketPath(dir: string, name: string, flag = '--state-dir'): string {
  const file = path.join(dir, name);
  if (Buffer.byteLength(file) > longestSocketPath) {
    throw new SciStreamError('BAD_FORMAT', `${file} is too long for a Unix socket; choose a shorter ${flag}.`);
  }
  return file;
}

/** True when a process listens on the Unix socket at `file`. */
export async function isServed(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(file);
    const answer = (served: boolean) => () => {
      socket.destroy();
      resolve(served);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}

/**
 * Holds a folder, or a file in it, for one process until disposed. The lock is a socket that its owner listens on, so it is free
 * again when the owner is gone, however it went. Throws ALREADY_EXISTS saying `heldBy` while another process holds it.
 */
export async function lockStateDir(dir: string, name: string, heldBy: string): Promise<AsyncDisposable> {
  const address = await lockAddress(dir, name);
  const server = net.createServer((socket) => socket.destroy());
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(address, resolve));
  } catch (error) {
    if (errnoOf(error) === 'EADDRINUSE') throw new SciStreamError('ALREADY_EXISTS', heldBy, { cause: error });
    throw new SciStreamError('BAD_FORMAT', `The state folder ${dir} cannot be locked: ${messageOf(error)}`, {
      cause: error,
    });
  }
  server.unref();
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  };
}

/** On Linux a name without a file, which the kernel itself frees; elsewhere a socket file, removed when nobody serves it. */
async function lockAddress(dir: string, name: string): Promise<string> {
  if (process.platform === 'linux') {
    const place = createHash('sha256')
      .update(await realpath(dir))
      .digest('hex')
      .slice(0, 32);
    return `\0scistream-${name}-${place}`;
  }
  const file = socketPath(dir, `${name}.lock`);
  if (!(await isServed(file))) rmSync(file, { force: true });
  return file;
}
