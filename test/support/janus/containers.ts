import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** An error of the Docker Engine, as Portainer passes it on. */
export class DockerError extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface Command {
  readonly image: string;
  readonly arguments: readonly string[];
}

/** Really runs what a container would run: with pipes, in the foreground. */
export type Run = (command: Command) => ChildProcess;

/** What goes wrong from now on, in Docker's words. */
export interface Failures {
  /** From the usual registry. */
  pull?: string | undefined;
  /** From Docker's registry for IPv6, which is asked when that fails. */
  pullAgain?: string | undefined;
  create?: string | undefined;
  start?: string | undefined;
  /** What the profile wants done after a start. */
  postStart?: string | undefined;
  stop?: string | undefined;
  remove?: string | undefined;
  logs?: string | undefined;
}

export interface Container extends Command {
  readonly id: string;
  readonly name: string;
  state: 'created' | 'running' | 'exited';
  process?: ChildProcess;
  /** Sent to its first process by `exec`. */
  readonly signals: string[];
  readonly lines: { readonly stamp: string; readonly text: string }[];
}

const signals = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
const graceMs = 10_000;

/** What Janus finds behind Portainer: containers that are made up, but for the program in them, if there is one. */
export class Containers {
  readonly all = new Map<string, Container>();
  readonly failures: Failures = {};
  /** Executables in every image. */
  commands: readonly string[] = ['kill', 'sh'];
  readonly #run: Run | undefined;
  #ticks = 0;

  constructor(run: Run | undefined) {
    this.#run = run;
  }

  /** The name under which the image could be had. */
  pull(image: string): string {
    if (this.failures.pull === undefined) return image;
    this.#fail('pullAgain');
    return `registry.ipv6.docker.com/${image}`;
  }

  create(name: string, command: Command): string {
    this.#fail('create');
    const id = randomBytes(32).toString('hex');
    this.all.set(id, { ...command, id, name, state: 'created', signals: [], lines: [] });
    return id;
  }

  start(id: string): void {
    const container = this.#find(id);
    this.#fail('start');
    if (container.state === 'running') return;
    container.state = 'running';
    const child = this.#run?.(container);
    if (child === undefined) return;
    container.process = child;
    const ended = (): void => {
      container.state = 'exited';
    };
    child.once('exit', ended).once('error', ended);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream)
        createInterface({ input: stream }).on('line', (line) => {
          this.print(container, line);
        });
    }
  }

  afterStart(id: string): void {
    this.#find(id);
    this.#fail('postStart');
  }

  /** False when there was nothing to stop. */
  async stop(id: string): Promise<boolean> {
    const container = this.#find(id);
    this.#fail('stop');
    if (container.state !== 'running') return false;
    const child = container.process;
    if (child) {
      const exit = once(child, 'exit');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      child.kill('SIGTERM');
      await exit;
      clearTimeout(timer);
    }
    container.state = 'exited';
    return true;
  }

  remove(id: string): void {
    this.#find(id);
    this.#fail('remove');
    this.all.delete(id);
  }

  /** What the command prints. Only `kill` does something, with or without a shell around it. */
  execute(id: string, command: readonly string[]): string {
    const container = this.#find(id);
    if (container.state !== 'running') throw new DockerError('Conflict', `Container ${id} is not running`);
    const [program = ''] = command;
    if (!this.commands.includes(program)) {
      return `OCI runtime exec failed: exec failed: unable to start container process: exec: "${program}": executable file not found in $PATH: unknown\r\n`;
    }
    const [, name = ''] = /^(?:sh -c )?kill -(\w+) 1$/.exec(command.join(' ')) ?? [];
    if (name === '0') return '';
    const signal = signals.find((one) => one === `SIG${name}`);
    if (signal === undefined) return `${program}: I cannot do that\r\n`;
    container.signals.push(signal);
    container.process?.kill(signal);
    return '';
  }

  print(container: Container, text: string): void {
    // Nine digits, as Docker has it; the last ones keep lines of one millisecond apart.
    const stamp = new Date().toISOString().replace('Z', `${String(this.#ticks++ % 1_000_000).padStart(6, '0')}Z`);
    container.lines.push({ stamp, text });
  }

  logs(id: string, since: number, tail: number, stamps: boolean): string {
    const container = this.#find(id);
    this.#fail('logs');
    const lines = container.lines.filter(({ stamp }) => Date.parse(stamp) / 1000 >= since).slice(-tail);
    return lines.map(({ stamp, text }) => `${stamps ? `${stamp} ` : ''}${text}\r\n`).join('');
  }

  /** Ends all programs at once. */
  async close(): Promise<void> {
    const alive = [...this.all.values()].flatMap(({ process: child, state }) =>
      child && state === 'running' ? [child] : [],
    );
    await Promise.all(
      alive.map(async (child) => {
        const exit = once(child, 'exit');
        child.kill('SIGKILL');
        await exit;
      }),
    );
  }

  #find(id: string): Container {
    const container = this.all.get(id);
    if (!container) throw new DockerError('Not Found', `No such container: ${id}`);
    return container;
  }

  #fail(step: keyof Failures): void {
    const message = this.failures[step];
    if (message !== undefined) throw new DockerError('Internal Server Error', message);
  }
}
