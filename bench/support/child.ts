import { spawn, type ChildProcess } from 'node:child_process';
import { orAborted } from '../../src/core/deferred.js';
import { until } from '../../src/core/until.js';

const patienceMs = 3_000;
const startMs = 15_000;
const outputKept = 4_000;

/** As many descriptors as the system lets a process have: thousands of connections need two each. */
const manyFiles = 'ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -H -n)"; exec "$@"';

export interface ChildOptions {
  /** Opens a channel for messages of Node programs. */
  readonly ipc?: boolean;
  /** Keeps all that it prints to stdout, not only the end. */
  readonly keepOutput?: boolean;
}

/** A process that ends with its owner. */
export class Child implements AsyncDisposable {
  readonly name: string;
  readonly process: ChildProcess;
  readonly #closed: Promise<void>;
  #stdout = '';
  #stderr = '';
  #failure: Error | undefined;

  constructor(name: string, command: string, args: readonly string[], options: ChildOptions = {}) {
    this.name = name;
    // In a group of its own: a terminal's Ctrl-C is for the benchmark, which then ends its processes in order.
    this.process = spawn('sh', ['-c', manyFiles, 'sh', command, ...args], {
      detached: true,
      env: withoutSettings(process.env),
      stdio: ['ignore', 'pipe', 'pipe', ...(options.ipc === true ? (['ipc'] as const) : [])],
    });
    const keep = options.keepOutput === true ? Infinity : outputKept;
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = last(this.#stdout + text, keep);
    });
    // Always read, or a program that logs a lot would stand still.
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = last(this.#stderr + text, outputKept);
    });
    this.process.once('error', (error) => (this.#failure = error));
    this.#closed = new Promise((resolve) => this.process.once('close', resolve));
  }

  get pid(): number {
    if (this.process.pid === undefined) throw this.ended();
    return this.process.pid;
  }

  get running(): boolean {
    return this.process.pid !== undefined && this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Resolves once it has ended and all its output has been read. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Waits for what shows that it is ready; fails at once when it ends before. */
  async ready(what: string, probe: () => boolean | Promise<boolean>, signal: AbortSignal): Promise<void> {
    await until(`${this.name}: ${what}`, startMs, () => this.running && probe(), signal).catch((error: unknown) => {
      throw this.running ? error : this.ended();
    });
  }

  /** Why it is not there any more, as an error. */
  ended(): Error {
    const how = this.#failure?.message ?? this.process.signalCode ?? `exit code ${this.process.exitCode ?? 'unknown'}`;
    const output = (this.#stderr.trim() || this.#stdout.trim()).split('\n').slice(-3).join(' | ');
    return new Error(`${this.name} ended with ${how}${output === '' ? '' : `: ${output}`}`);
  }

  /** Asks it to end, insists after a while, and resolves once it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.pid === undefined) return;
    const group = -this.process.pid;
    if (this.running) this.process.kill('SIGTERM');
    // The group, so that no worker of it outlives it. It still exists: what is left of it keeps `close` from coming.
    const timer = setTimeout(() => {
      endGroup(group);
    }, patienceMs);
    await this.#closed;
    clearTimeout(timer);
  }
}

/** Runs a program to its end and answers what it printed. Throws when it fails or takes longer than `timeoutMs`. */
export async function runProgram(
  name: string,
  command: string,
  args: readonly string[],
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<string> {
  await using child = new Child(name, command, args, { keepOutput: true });
  const patience = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    await orAborted(child.closed, patience);
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`${name} did not come to its end within ${timeoutMs / 1000} s.`, { cause: error });
  }
  if (child.process.exitCode !== 0) throw child.ended();
  return child.stdout;
}

function endGroup(group: number): void {
  try {
    process.kill(group, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

/** Settings in the user's environment are for the user's own data servers. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SCISTREAM_')));
}

function last(text: string, characters: number): string {
  return text.length > characters ? text.slice(-characters) : text;
}
