import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { until } from '../../src/core/until.js';

export type ProgramName = 's2cs' | 's2ds' | 's2uc' | 'appctrl';

export interface Finished {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** One of our programs as users run it: the built file in a process of its own. */
export class Program {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  stdout = '';
  stderr = '';

  constructor(command: string, args: readonly string[], { env = {}, cwd }: ProgramOptions = {}) {
    const options = { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] as const };
    this.process = spawn(command, args, {
      ...options,
      stdio: [...options.stdio],
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.finished = new Promise((resolve, reject) => {
      this.process.once('error', reject);
      this.process.once('close', (code, signal) => {
        resolve({ code: code ?? undefined, signal: signal ?? undefined, stdout: this.stdout, stderr: this.stderr });
      });
    });
    onTestFinished(async () => {
      if (this.running) this.process.kill('SIGKILL');
      await this.finished;
    });
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Waits until stdout or stderr shows `pattern`. Fails when the program ends first. */
  async shows(pattern: RegExp, where: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    return until(`"${pattern.source}" on ${where} of ${this.process.spawnargs.join(' ')}`, 15_000, () => {
      const found = pattern.exec(this[where]);
      if (found) return found;
      if (!this.running) throw new Error(`it ended first:\n${this.stdout}${this.stderr}`);
      return undefined;
    });
  }

  kill(signal: NodeJS.Signals): Promise<Finished> {
    this.process.kill(signal);
    return this.finished;
  }
}

export interface ProgramOptions {
  env?: Record<string, string>;
  cwd?: string;
}

/** The path of a built program. */
export function bin(name: ProgramName): string {
  return fileURLToPath(new URL(`../../dist/cli/${name}.js`, import.meta.url));
}

export function start(name: ProgramName, args: readonly string[], options?: ProgramOptions): Program {
  return new Program(process.execPath, [bin(name), ...args], options);
}

/** Runs a program to its end. */
export function run(
  name: ProgramName,
  args: readonly string[],
  options?: ProgramOptions & { input?: string },
): Promise<Finished> {
  const program = start(name, args, options);
  program.process.stdin?.end(options?.input ?? '');
  return program.finished;
}
