import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, inject, onTestFinished } from 'vitest';
import { z } from 'zod';
import { createClient, type Client } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { ControlClient } from '../../src/client/control-client.js';
import { until } from '../../src/core/until.js';
import { Control } from '../../src/gen/scistream_pb.js';
import { DataService } from '../../src/gen/scistream/data/v1/data_pb.js';
import { isRunning } from '../../src/platform/child.js';
import type { ServerOptions } from '../../src/platform/control-peer.js';
import { RpcConnection } from '../../src/platform/rpc-client.js';
import { isServed } from '../../src/platform/state-dir.js';
import type { Program } from './program.js';
import { start } from './program.js';
import { programsIn } from './proxy-programs.js';

const startLine = z.object({ address: z.string(), certificate: z.string().optional(), stateDir: z.string() });
/** What a control server may leave in its state folder; nothing is in the last of them. */
const lasting = ['s2ds.log', 'server.crt', 'server.key', 's2ds.d'];

/** Tests that open one end and talk to its listeners in plain TCP are the rule; the others say so. */
const usual = ['--json', '--port', '0', '--port-range', '0', '--security', 'none'];

/** A certificate for all tests that are not about certificates: making one costs half a second. */
function shared(): string[] {
  const { cert, key } = inject('certificate');
  return ['--server-crt', cert, '--server-key', key];
}

function makesOwn(args: readonly string[]): boolean {
  return args.some((arg) => arg.startsWith('--server-crt') || arg === '--listener-ip');
}

/** A folder that is gone after the test. */
export async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'scistream-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A real s2cs with its real s2ds. The test fails when either leaves a process or a file behind. */
export class Facility {
  readonly program: Program;
  readonly stateDir: string;
  readonly address: string;
  readonly certificate: string;
  readonly server: ServerOptions;

  private constructor(program: Program, stateDir: string, address: string, certificate: string, ca: string) {
    this.program = program;
    this.stateDir = stateDir;
    this.address = address;
    this.certificate = certificate;
    this.server = { s2cs: address, ...(ca === '' ? { ssl: false } : { ca }) };
  }

  /** Ports from the system unless `args` say otherwise. */
  static async start(args: readonly string[] = [], stateDir?: string, env?: Record<string, string>): Promise<Facility> {
    const dir = stateDir ?? (await temporaryDir());
    onTestFinished(() => endOrphans(dir));
    const all = [...usual, '--state-dir', dir, ...(makesOwn(args) ? [] : shared()), ...args];
    const program = start('s2cs', all, env ? { env } : {});
    const [line] = await program.shows(/^\{.*\}$/m);
    const { address, certificate } = startLine.parse(JSON.parse(line));
    const ca = certificate === undefined ? '' : await readFile(certificate, 'utf8');
    const facility = new Facility(program, dir, address, certificate ?? '', ca);
    onTestFinished(() => facility.leavesNothing());
    return facility;
  }

  /** Our typed client, closed after the test. */
  client(): ControlClient {
    const client = new ControlClient(this.server);
    onTestFinished(() => {
      client[Symbol.dispose]();
    });
    return client;
  }

  /** Version 1 on a connection of its own, and the means to break that connection. */
  v1(): { v1: Client<typeof Control>; cut: () => void } {
    const connection = new RpcConnection({
      target: { host: this.host, port: this.port },
      tls: this.server.ca === undefined ? false : { ca: this.server.ca },
      timeoutMs: 20_000,
    });
    const cut = (): void => {
      connection[Symbol.dispose]();
    };
    onTestFinished(cut);
    return { v1: connection.client(Control), cut };
  }

  /** The data server's own API, as the control server uses it. */
  agent(): Client<typeof DataService> {
    const connection = new RpcConnection({
      target: { path: path.join(this.stateDir, 's2ds.sock') },
      timeoutMs: 10_000,
    });
    onTestFinished(() => {
      connection[Symbol.dispose]();
    });
    return connection.client(DataService);
  }

  /** What the data server holds now. */
  async held(): Promise<{ reservations: number; portsFree: number; portsTotal: number }> {
    const agent = this.agent();
    const { portsFree, portsTotal } = await agent.info({});
    return { reservations: (await agent.list({})).reservations.length, portsFree, portsTotal };
  }

  /** Asserts that no port and no reservation is held. */
  async holdsNothing(): Promise<void> {
    await until(`${this.address} holding nothing`, 5_000, async () => {
      const { reservations, portsFree, portsTotal } = await this.held();
      return reservations === 0 && portsFree === portsTotal;
    });
  }

  get host(): string {
    return this.address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  }

  get port(): number {
    return Number(/\d+$/.exec(this.address)?.[0]);
  }

  async leavesNothing(): Promise<void> {
    if (!this.program.running) return;
    const { pid } = await this.agent().info({});
    const { code, stderr } = await this.program.kill('SIGTERM');
    expect(code, stderr).toBe(0);
    expect(isRunning(pid), `s2ds ${pid} still runs`).toBe(false);
    const left = (await readdir(this.stateDir, { recursive: true })).filter((file) => !lasting.includes(file));
    expect(left, 'files left in the state folder').toEqual([]);
    expect(await programsIn(this.stateDir), 'programs left running').toEqual([]);
  }
}

/** What a control server that a test has killed leaves running, as it should, does not outlive the test. */
async function endOrphans(stateDir: string): Promise<void> {
  const socket = path.join(stateDir, 's2ds.sock');
  if (await isServed(socket)) await endDataServer(socket);
  for (const pid of await programsIn(stateDir)) process.kill(pid, 'SIGKILL');
}

async function endDataServer(socket: string): Promise<void> {
  using connection = new RpcConnection({ target: { path: socket }, timeoutMs: 10_000 });
  const { pid } = await connection.client(DataService).info({});
  process.kill(pid, 'SIGKILL');
  await until(`the end of the orphaned s2ds ${pid}`, 5_000, () => !isRunning(pid));
}

/** Two facilities, as every stream needs that is opened at both ends, with the leg between them encrypted. */
export async function twoFacilities(args: readonly string[] = []): Promise<[Facility, Facility]> {
  const demanding = ['--security', 'tls-psk', ...args];
  return Promise.all([Facility.start(demanding), Facility.start(demanding)]);
}

/** Two facilities whose listeners take plain TCP, for tests that open each end by itself. */
export async function plainFacilities(args: readonly string[] = []): Promise<[Facility, Facility]> {
  return twoFacilities(['--security', 'none', ...args]);
}

/** A gRPC client without our error handling: what a peer really gets on the wire. */
export function rawClient(facility: Facility): Client<typeof Control> {
  const { ca } = facility.server;
  const url = `${ca === undefined ? 'http' : 'https'}://${facility.address}`;
  return createClient(Control, createGrpcTransport({ baseUrl: url, nodeOptions: ca === undefined ? {} : { ca } }));
}
