import { lchown, readdir } from 'node:fs/promises';
import path from 'node:path';
import { show } from '../../../core/endpoint.js';
import { errnoOf, messageOf, SciStreamError } from '../../../core/errors.js';

/** As whom programs run in their containers. */
export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
}

/** Debian's nobody and nogroup: owns nothing. */
const nobody: ContainerUser = { uid: 65534, gid: 65534 };
const highestId = 2 ** 32 - 2;

/** `UID` or `UID:GID`; undefined means ourselves, or nobody when we are root. Throws BAD_FORMAT, for root too. */
export function parseContainerUser(text: string | undefined): ContainerUser {
  if (text === undefined) return ourselves();
  const [, uidText = '', gidText = uidText] = /^([0-9]{1,10})(?::([0-9]{1,10}))?$/.exec(text) ?? [];
  const user = { uid: Number(uidText), gid: Number(gidText) };
  if (uidText === '' || user.uid > highestId || user.gid > highestId) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `${show(text)} is not a user for containers; write UID or UID:GID in numbers.`,
    );
  }
  if (user.uid === 0) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `Programs in containers do not run as root; give another user than ${show(text)}.`,
    );
  }
  return user;
}

/**
 * Gives a reservation's folder and the files in it to the program's user; the files stay as private as they are. Only root can,
 * others run programs as themselves. Links are not followed and folders not entered: the program may have put them there.
 */
export async function handOver(folder: string, { uid, gid }: ContainerUser): Promise<void> {
  if (process.getuid?.() !== 0) return;
  try {
    const names = await readdir(folder);
    await Promise.all(names.map((name) => giveIfThere(path.join(folder, name), uid, gid)));
    await lchown(folder, uid, gid);
  } catch (error) {
    throw new SciStreamError('SERVER_ERR', `${folder} cannot be given to user ${uid}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** What the program makes and removes while we look is its own anyway. */
async function giveIfThere(file: string, uid: number, gid: number): Promise<void> {
  try {
    await lchown(file, uid, gid);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function ourselves(): ContainerUser {
  const uid = process.getuid?.();
  const gid = process.getgid?.();
  return uid === undefined || gid === undefined || uid === 0 ? nobody : { uid, gid };
}
