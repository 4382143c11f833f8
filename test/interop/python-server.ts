import { inject } from 'vitest';
import { z } from 'zod';
import { until } from '../../src/core/until.js';
import type { Program } from '../support/program.js';
import { startPython } from './python.js';

const call = z.object({
  call: z.enum(['req', 'hello', 'update', 'release']),
  uid: z.string(),
  authorization: z.string().nullable(),
  /** Numbers of fields that an old peer does not have. */
  unknown: z.array(z.number()),
  role: z.string().optional(),
  num_conn: z.number().optional(),
  rate: z.number().optional(),
  prod_listeners: z.array(z.string()).optional(),
  remote_listeners: z.array(z.string()).optional(),
});

/** A call as the Python server understood it. */
export type Call = z.infer<typeof call>;

/** The control server of python/upstream_server.py. It ends with the test. */
export class PythonServer {
  readonly address: string;
  /** Path of its certificate; empty without TLS. */
  readonly certificate: string;
  /** What our programs need to reach it. */
  readonly reach: readonly string[];
  readonly #program: Program;
  #marks = 0;

  private constructor(program: Program, port: string, certificate: string) {
    this.#program = program;
    this.address = `127.0.0.1:${port}`;
    this.certificate = certificate;
    const trust = certificate === '' ? '--ssl=False' : `--server_cert=${certificate}`;
    this.reach = ['--s2cs', this.address, trust];
  }

  /** Speaks TLS unless `args` say `--ssl=False`. */
  static async start(stubs: string, ...args: readonly string[]): Promise<PythonServer> {
    const { cert, key } = inject('certificate');
    const program = startPython('upstream_server.py', ['--server_crt', cert, '--server_key', key, ...args], stubs);
    const [, port = ''] = await program.shows(/^\{"listening": (\d+)\}$/m);
    return new PythonServer(program, port, args.includes('--ssl=False') ? '' : cert);
  }

  /** The calls so far, in the order in which they came. */
  async calls(name?: Call['call']): Promise<Call[]> {
    const mark = ++this.#marks;
    this.#program.process.stdin?.write(`${mark}\n`);
    await this.#program.shows(new RegExp(`^\\{"mark": "${mark}"\\}$`, 'm'));
    return this.#seen(name);
  }

  /** Waits for the first call of this name. */
  called(name: Call['call']): Promise<Call> {
    return until(`a ${name} at the Python server`, 10_000, () => this.#seen(name)[0]);
  }

  #seen(name: Call['call'] | undefined): Call[] {
    const lines = this.#program.stdout.split('\n').filter((line) => line.startsWith('{"call"') && line.endsWith('}'));
    const calls = lines.map((line) => call.parse(JSON.parse(line)));
    return name === undefined ? calls : calls.filter((one) => one.call === name);
  }
}
