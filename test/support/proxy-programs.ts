import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { isRunning } from '../../src/platform/child.js';

/** The folder of each reservation that has a program. */
export async function placesIn(stateDir: string): Promise<string[]> {
  const folder = path.join(stateDir, 's2ds.d');
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(folder, name));
}

/** The processes that work in a folder below `dir`, as the programs of reservations do, their workers included. */
export async function programsIn(dir: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const place = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      return place.startsWith(`${dir}/`) && isRunning(pid) ? [pid] : [];
    }),
  );
  return found.flat();
}

/** Files below `dir` that hold one of the texts, as paths from there. */
export async function filesWith(dir: string, texts: readonly string[]): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const found = await Promise.all(
    files.map(async (file) => {
      const content = await readFile(file, 'latin1');
      return texts.some((text) => content.includes(text)) ? [path.relative(dir, file)] : [];
    }),
  );
  return found.flat().sort();
}

/** The same bytes in every form in which they could be written down. */
export function formsOf(bytes: Buffer): string[] {
  const hex = bytes.toString('hex');
  return [hex, hex.toUpperCase(), ...(['base64', 'base64url', 'latin1'] as const).map((form) => bytes.toString(form))];
}
