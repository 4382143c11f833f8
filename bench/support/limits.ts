import { runProgram } from './child.js';

/** How many descriptors a process of the benchmark may have. */
export async function filesPerProcess(signal: AbortSignal): Promise<number> {
  const text = await runProgram('sh', 'sh', ['-c', 'ulimit -n'], { timeoutMs: 5_000, signal });
  return text.trim() === 'unlimited' ? Infinity : Number(text);
}
