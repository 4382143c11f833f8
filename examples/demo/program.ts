import type { ChildProcess } from 'node:child_process';

const patienceMs = 20_000;
const outputKept = 2_000;

/** A child process that ends with its owner. When it ends by itself, the demo has failed and is stopped. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #ending = false;
  #output = '';

  /** `child` has its stderr piped, and is detached: a terminal's Ctrl-C is for the demo, which then ends it in order. */
  constructor(name: string, child: ChildProcess, stop: AbortController) {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-outputKept);
    });
    child.on('error', (error) => {
      stop.abort(new Error(`${name} failed: ${error.message}`));
    });
    this.#closed = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        resolve();
        if (!this.#ending) stop.abort(new Error(this.#describeEnd(name, signal ?? `exit code ${code ?? 'unknown'}`)));
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Asks the process to end, insists after a while, and resolves once it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs);
    await this.#closed;
    clearTimeout(timer);
  }

  #describeEnd(name: string, how: string): string {
    const output = this.#output.trim();
    return `${name} ended with ${how}${output === '' ? '.' : `:\n${output}`}`;
  }
}
