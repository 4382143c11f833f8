import { readdir } from 'node:fs/promises';

/** How many descriptors this process has open. */
export async function descriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}
