import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { Client } from '@connectrpc/connect';
import { DataService } from '../../src/gen/scistream/data/v1/data_pb.js';
import { RpcConnection } from '../../src/platform/rpc-client.js';
import { until } from '../../src/core/until.js';
import { temporaryDir } from './facility.js';
import { bin, Program, type Finished } from './program.js';
import { placesIn, programsIn } from './proxy-programs.js';
import { first } from './v1.js';

/** What the kernel counts processor time in. */
const ticksPerSecond = 100;
/** Containers have some seconds to end. */
const stopMs = 20_000;

export interface DataServerOptions {
  readonly portable?: boolean;
  readonly args?: readonly string[];
  /** Descriptors that the process may have. */
  readonly descriptors?: number;
  /** Put before the program: what takes something from it. */
  readonly under?: readonly string[];
  /** Where its socket and what it keeps lie; absent: a folder of its own. */
  readonly dir?: string;
  readonly env?: Record<string, string>;
}

/** A real s2ds in a process of its own, spoken to as its control server would, with as little as the test grants it. */
export class DataServer {
  readonly program: Program;
  readonly client: Client<typeof DataService>;

  private constructor(program: Program, client: Client<typeof DataService>) {
    this.program = program;
    this.client = client;
  }

  /** Ends with the test. */
  static async start({
    portable = false,
    args = [],
    descriptors,
    under = [],
    dir,
    env = {},
  }: DataServerOptions): Promise<DataServer> {
    const folder = dir ?? (await temporaryDir());
    const socket = path.join(folder, 's2ds.sock');
    const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
    const program = new Program(
      'sh',
      [
        ...['-c', `${limit}exec "$@"`, 'sh', ...under, process.execPath, bin('s2ds')],
        ...['--socket', socket, '--port-range', '0', '--workers', '2', ...(portable ? ['--portable'] : []), ...args],
      ],
      { env },
    );
    // Killed, it would leave the programs and containers of its reservations, as it should.
    onTestFinished(async () => {
      if (!program.running) return;
      program.process.kill('SIGTERM');
      await until(`the end of s2ds ${program.process.pid ?? 0}`, stopMs, () => !program.running);
      expect([...(await programsIn(folder)), ...(await placesIn(folder))], 'left by s2ds').toEqual([]);
    });
    await program.shows(/"msg":"ready"/, 'stderr');
    const connection = new RpcConnection({ target: { path: socket }, timeoutMs: 10_000 });
    onTestFinished(() => {
      connection[Symbol.dispose]();
    });
    return new DataServer(program, connection.client(DataService));
  }

  /** Reserves one plain listener and points it at the target. */
  async forward(target: string): Promise<{ id: string; address: string }> {
    const { reservation } = await this.client.reserve({
      ...{ type: 'relay', role: 'PROD', numListeners: 1, security: 'none' },
    });
    const id = reservation?.id ?? '';
    await this.client.update({ id, forwards: [{ targets: [target] }] });
    return { id, address: first(reservation?.listeners ?? []) };
  }

  async openConnections(id: string): Promise<number> {
    const { reservations } = await this.client.list({ id });
    return Number(reservations[0]?.counters?.openConnections);
  }

  /** Lines of its log that match. */
  logged(pattern: RegExp): readonly string[] {
    return this.program.stderr.split('\n').filter((line) => pattern.test(line));
  }

  /** What its descriptors lead to, as the kernel names it. */
  async descriptors(): Promise<readonly string[]> {
    const folder = `/proc/${this.pid}/fd`;
    const names = await readdir(folder);
    return Promise.all(names.map((name) => readlink(path.join(folder, name)).catch(() => '')));
  }

  /** Seconds of processor time that it uses for each second of about one. */
  async load(): Promise<number> {
    const [used, began] = [await this.#processorSeconds(), performance.now()];
    await until('a second being over', 5_000, () => performance.now() - began > 1_000);
    return ((await this.#processorSeconds()) - used) / ((performance.now() - began) / 1000);
  }

  /** As a supervisor ends it. */
  stop(): Promise<Finished> {
    return this.program.kill('SIGTERM');
  }

  get pid(): number {
    return this.program.process.pid ?? 0;
  }

  async #processorSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.pid}/stat`, 'utf8');
    // The name in parentheses may have spaces; user and system time are the 12th and 13th after it.
    const [user = 0, system = 0] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return (user + system) / ticksPerSecond;
  }
}
