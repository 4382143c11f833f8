import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ServerOptions } from 'scistream';
import { z } from 'zod';
import { answers } from './footprint.js';
import { Program } from './program.js';

const s2cs = fileURLToPath(new URL('../../../dist/cli/s2cs.js', import.meta.url));

/** The line with which s2cs says that it is ready. */
const readyLine = z.object({ address: z.string(), certificate: z.string() });
type ReadyLine = z.infer<typeof readyLine>;

/** The gateway node of one facility: a control server and the data server it starts. */
export class Facility implements AsyncDisposable {
  readonly #name: string;
  readonly #stateDir: string;
  readonly #server: ControlServer;

  constructor(name: string, folder: string, stop: AbortController) {
    this.#name = `The ${name} facility`;
    this.#stateDir = path.join(folder, name);
    this.#server = new ControlServer(this.#name, this.#stateDir, stop);
  }

  get pid(): number | undefined {
    return this.#server.pid;
  }

  /** How its control server is reached, once it is ready. */
  async ready(): Promise<ServerOptions> {
    const { address, certificate } = await this.#server.ready();
    return { s2cs: address, ca: await readFile(certificate, 'utf8') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    if (await answers({ path: path.join(this.#stateDir, 's2ds.sock') })) await this.#endDataServer();
  }

  /** A data server outlives a control server that was killed; the next control server adopts it and ends it. */
  async #endDataServer(): Promise<void> {
    await using successor = new ControlServer(this.#name, this.#stateDir, new AbortController());
    await successor.ready();
  }
}

/** The process of s2cs, with everything it keeps in a folder of its own and every port chosen by the system. */
class ControlServer implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #program: Program;
  readonly #signal: AbortSignal;

  constructor(name: string, stateDir: string, stop: AbortController) {
    const place = ['--listener-ip', '127.0.0.1', '--port', '0', '--port-range', '0', '--state-dir', stateDir];
    this.#child = spawn(process.execPath, [s2cs, '--json', ...place], {
      detached: true,
      env: withoutSettings(process.env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#program = new Program(name, this.#child, stop);
    this.#signal = stop.signal;
  }

  get pid(): number | undefined {
    return this.#program.pid;
  }

  async ready(): Promise<ReadyLine> {
    const lines = createInterface({ input: this.#child.stdout });
    const [line] = z.tuple([z.string()]).parse(await once(lines, 'line', { signal: this.#signal }));
    return readyLine.parse(JSON.parse(line));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]();
  }
}

/** Settings in the user's environment are for the user's own facility. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SCISTREAM_')));
}
