import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { inspect } from '../../src/platform/processes.js';
import { Program } from '../support/program.js';
import { requirePrograms } from '../support/requires.js';

const python = { name: 'Python', check: ['python3', '--version'], hint: 'apt-get install python3' } as const;

/** Ends its first thread, while another one reads until the input ends. */
const firstThreadEnds = `
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).pthread_exit(None)
`;

/** As proc(5) has it, of the first thread. */
function stateOf(pid: number): string | undefined {
  return /\) (.)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];
}

describe.runIf(process.platform === 'linux' && requirePrograms(python))('a process', () => {
  it('runs until its last thread has ended, as that one may still hold its sockets', async () => {
    const program = new Program('python3', ['-c', firstThreadEnds]);
    const pid = program.process.pid ?? 0;
    await until('the end of the first thread', 10_000, () => stateOf(pid) === 'Z');
    expect(inspect(pid)?.runs).toBe(true);
    await program.kill('SIGKILL');
    expect(inspect(pid)?.runs ?? false).toBe(false);
  });
});
