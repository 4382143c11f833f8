import { Program } from './program.js';

/** The processes that this one has started, theirs included. */
export async function descendants(pid: number): Promise<number[]> {
  const { stdout } = await new Program('pgrep', ['-P', String(pid)]).finished;
  const children = stdout.trim().split('\n').filter(Boolean).map(Number);
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}
