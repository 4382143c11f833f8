import { z } from 'zod';
import type { Facility } from '../support/facility.js';
import type { Program } from '../support/program.js';
import { startPython } from './python.js';

const refusal = z.strictObject({ code: z.string(), details: z.string() });
const response = z.strictObject({ listeners: z.array(z.string()), prod_listeners: z.array(z.string()) });
const appResponse = z.strictObject({ message: z.string(), listeners: z.array(z.string()) });
const end = z.strictObject({ uid: z.string(), req: response, hello: appResponse, update: response });

/** One end of a stream as the Python client set it up. */
export type PythonEnd = z.infer<typeof end>;

const outcome = z.strictObject({
  uid: z.string().optional(),
  hello_waited: z.boolean().optional(),
  req: response.or(refusal).optional(),
  hello: appResponse.or(refusal).optional(),
  update: response.or(refusal).optional(),
  release: response.or(refusal).optional(),
});

/** Per call, what the server answered or why it refused. */
export type Outcome = z.infer<typeof outcome>;

/** The user client of python/upstream_client.py at one control server. */
export class PythonClient {
  readonly #facility: Facility;
  readonly #stubs: string;
  readonly #token: string | undefined;

  /** `token` empty: no metadata at all; absent: what upstream sends without one. */
  constructor(facility: Facility, stubs: string, token?: string) {
    this.#facility = facility;
    this.#stubs = stubs;
    this.#token = token;
  }

  /** For tests that act while it runs. */
  start(command: string, args: readonly string[]): Program {
    const { address, certificate } = this.#facility;
    const channel = certificate === '' ? ['--insecure'] : ['--server_cert', certificate];
    const program = [command, '--s2cs', address, ...channel, ...args];
    return startPython('upstream_client.py', program, this.#stubs, this.#token);
  }

  /** Runs a command whose calls may be refused. */
  async try(command: string, ...args: readonly string[]): Promise<Outcome> {
    return outcome.parse(await result(this.start(command, args)));
  }

  /** Upstream's sequence beside the producer, by the ports of its application. */
  async inbound(ports: readonly number[], ...args: readonly string[]): Promise<PythonEnd> {
    const wanted = ['--receiver_ports', ports.join(','), ...args];
    return end.parse(await result(this.start('inbound-request', wanted)));
  }

  /** Upstream's sequence beside the consumer. */
  async outbound(uid: string, listeners: readonly string[], ...args: readonly string[]): Promise<PythonEnd> {
    return end.parse(await result(this.start('outbound-request', [uid, listeners.join(','), ...args])));
  }

  /** One inbound session per port, all of them waiting for their Hello at the same time. */
  async overlapping(ports: readonly number[], ...args: readonly string[]): Promise<PythonEnd[]> {
    const wanted = ['--receiver_ports', ports.join(','), ...args];
    return z.strictObject({ ends: z.array(end) }).parse(await result(this.start('overlapping', wanted))).ends;
  }
}

/** What a run of the client printed. */
export async function outcomeOf(program: Program): Promise<Outcome> {
  return outcome.parse(await result(program));
}

async function result(program: Program): Promise<unknown> {
  const { code, stdout, stderr } = await program.finished;
  if (code !== 0) throw new Error(`The Python client failed:\n${stderr}`);
  return JSON.parse(stdout);
}
