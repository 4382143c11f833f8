/** What Linux knows about processes. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

/** Seconds of CPU, user and system, that these processes and all their children have used so far. */
export function cpuSeconds(roots: readonly number[]): number {
  return family(roots).reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond;
}

/** Bytes of memory that these processes and all their children hold now. */
export function residentBytes(roots: readonly number[]): number {
  return family(roots).reduce((sum, { pid }) => sum + residentOf(pid), 0);
}

function family(roots: readonly number[]): Stat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)) ?? []);
  const found = all.filter(({ pid }) => roots.includes(pid));
  // Grows while it is walked: children of children too.
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found;
}

function statOf(pid: number): Stat | undefined {
  const text = textOf(`/proc/${pid}/stat`);
  // The program's name stands in parentheses and may contain anything.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  if (!fields) return undefined;
  return { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
}

function residentOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`) ?? '') ?? [];
  return Number(kib ?? 0) * 1024;
}

/** Undefined when the process has just gone. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}
