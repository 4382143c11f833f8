import { readdir, readFile, readlink } from 'node:fs/promises';

/** In /proc/net/unix, of a socket that takes connections. */
const listening = '00010000';

/** The process of this user that listens on the Unix socket at `file`; undefined when it cannot be known, as without /proc. */
export async function socketOwner(file: string): Promise<number | undefined> {
  const inode = await inodeOf(file).catch(() => undefined);
  if (inode === undefined) return undefined;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const owners = await Promise.all(pids.map((pid) => holds(pid, `socket:[${inode}]`)));
  const owner = pids.find((_, index) => owners[index]);
  return owner === undefined ? undefined : Number(owner);
}

/** Its lines are: address, users, protocol, flags, type, state, inode and path. */
async function inodeOf(file: string): Promise<string | undefined> {
  const lines = (await readFile('/proc/net/unix', 'utf8')).split('\n');
  const line = lines.find((text) => text.split(' ')[3] === listening && text.endsWith(` ${file}`));
  return line?.trim().split(/\s+/)[6];
}

/** False also for the processes of others, whose descriptors nobody else may read. */
async function holds(pid: string, link: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  return links.includes(link);
}
