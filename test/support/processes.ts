import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pino, type Logger } from 'pino';
import { build } from 'rolldown';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { parseEndpoint } from '../../src/core/endpoint.js';
import { until } from '../../src/core/until.js';
import { haproxy as haproxyKind } from '../../src/data/engines/proxy/haproxy/kind.js';
import { nginx as nginxKind } from '../../src/data/engines/proxy/nginx/kind.js';
import { stunnel as stunnelKind } from '../../src/data/engines/proxy/stunnel/kind.js';
import { processRunner } from '../../src/data/runners/process.js';
import type { Job, Program as Proxy, ProgramRunner, Running } from '../../src/data/runners/runner.js';
import { groupMembers } from '../../src/platform/processes.js';
import { temporaryDir } from './facility.js';
import { Program } from './program.js';
import type { Requirement } from './requires.js';
import { accepts, freePortRange, listenAt } from './tcp.js';
import { endLeft } from './runners.js';

const nginxStream = '/usr/lib/nginx/modules/ngx_stream_module.so';

export const { program: nginx } = nginxKind;
export const { program: stunnel } = stunnelKind;
export const haproxy: Proxy = {
  ...haproxyKind.program,
  commands: ['no-such-haproxy', ...haproxyKind.program.commands],
};

export const proxyPackages: readonly Requirement[] = [
  { name: 'HAProxy', check: ['/usr/sbin/haproxy', '-v'], hint: 'apt-get install haproxy' },
  { name: 'nginx', check: ['test', '-x', '/usr/sbin/nginx', '-a', '-e', nginxStream], hint: 'libnginx-mod-stream' },
  { name: 'stunnel', check: ['test', '-x', '/usr/bin/stunnel4'], hint: 'apt-get install stunnel4' },
];

const logLine = z.looseObject({ level: z.int(), msg: z.string() });

export interface LogLines {
  readonly logger: Logger;
  readonly lines: z.infer<typeof logLine>[];
}

/** A logger whose lines a test can read. */
export function logLines(): LogLines {
  const lines: z.infer<typeof logLine>[] = [];
  const write = (text: string): void => void lines.push(logLine.parse(JSON.parse(text)));
  return { logger: pino({ level: 'debug' }, { write }), lines };
}

/** The runner with jobs to run; all of it is gone after the test, however it went. */
export class Workbench {
  readonly folder: string;
  readonly log = logLines();
  readonly runner: ProgramRunner;

  private constructor(folder: string, graceMs: number) {
    this.folder = folder;
    this.runner = processRunner({ folder, logger: this.log.logger, graceMs });
  }

  static async make({ graceMs = 5_000 } = {}): Promise<Workbench> {
    const bench = new Workbench(path.join(await temporaryDir(), 'runs'), graceMs);
    onTestFinished(() => endLeft(bench.runner));
    return bench;
  }

  /** `program` with the files given, and its arguments made from the folder that they are in. */
  async job(
    program: Proxy,
    files: Readonly<Record<string, string>>,
    args: (folder: string) => readonly string[],
    id = 'reservation-1',
  ): Promise<Job> {
    const place = await this.runner.place(id);
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(place.folder, name), text);
    const { logger } = this.log;
    return { id, program, place, arguments: args(place.folder), listeners: [], transport: 'tcp', logger };
  }

  /** A shell script in the role of a proxy. */
  async script(text: string, id?: string): Promise<Job> {
    const program: Proxy = { ...haproxy, commands: ['/bin/sh'] };
    return this.job(program, { 'script.sh': text }, (folder) => [`${folder}/script.sh`], id);
  }

  /** Starts it, and ends it after the test at the latest. */
  async start(job: Job): Promise<Running> {
    const running = await this.runner.start(job);
    onTestFinished(() => running[Symbol.asyncDispose]());
    return running;
  }

  /** Waits for a line that a program has printed. */
  async prints(pattern: RegExp): Promise<void> {
    await until(`a line like ${pattern.source}`, 10_000, () => this.log.lines.some(({ msg }) => pattern.test(msg)));
  }
}

export interface ProxyJob {
  readonly job: Job;
  readonly address: string;
}

/** HAProxy from an address of its own to `target`. */
export async function haproxyJob(bench: Workbench, target: string, id?: string): Promise<ProxyJob> {
  const address = await freeAddress();
  const lines = ['defaults', ' mode tcp', ' timeout connect 5s', ' timeout client 1m', ' timeout server 1m'];
  const configuration = [...lines, 'listen l', ` bind ${address}`, ` server s ${target}`, ''].join('\n');
  const job = await bench.job(haproxy, { 'h.cfg': configuration }, (dir) => ['-db', '-f', `${dir}/h.cfg`], id);
  return { address, job: { ...job, checkArguments: ['-c', ...job.arguments] } };
}

/** nginx with two workers from an address of its own to `target`. */
export async function nginxJob(bench: Workbench, target: string, id?: string): Promise<ProxyJob> {
  const address = await freeAddress();
  const configuration = [
    `load_module ${nginxStream};`,
    'daemon off; worker_processes 2; pid nginx.pid; error_log stderr info; events {}',
    `stream { server { listen ${address}; proxy_pass ${target}; proxy_half_close on; } }`,
  ].join('\n');
  const args = (dir: string): string[] => ['-p', dir, '-e', 'stderr', '-c', `${dir}/n.conf`];
  const job = await bench.job(nginx, { 'n.conf': configuration }, args, id);
  return { address, job: { ...job, checkArguments: ['-t', ...job.arguments] } };
}

export async function freeAddress(): Promise<string> {
  const [port = ''] = (await freePortRange(1)).split('-');
  return `127.0.0.1:${port}`;
}

/** Fails when something still has the address. */
export async function isFree(address: string): Promise<void> {
  const server = await listenAt(parseEndpoint(address).port, (socket) => socket.destroy());
  await server[Symbol.asyncDispose]();
}

export async function serves(address: string): Promise<void> {
  await until(`a listener at ${address}`, 10_000, () => accepts(address));
}

/** The nginx master and its workers, once all of them are there. */
export async function nginxProcesses(master: number): Promise<readonly number[]> {
  return until('two workers of nginx', 10_000, async () => {
    const members = await groupMembers(master);
    return members.length === 3 && members.map(({ pid }) => pid);
  });
}

const recordForm = z.looseObject({ pid: z.int() });

/** The process that the runner has started for a job. */
export function mainPid({ place }: Job): Promise<number> {
  return recordedPid(place.folder);
}

/** The same by the folder of the job. */
export async function recordedPid(folder: string): Promise<number> {
  return recordForm.parse(JSON.parse(await readFile(`${folder}/process.json`, 'utf8'))).pid;
}

/** An agent in a process of its own that has started the job: the real runner, bundled for plain Node. */
export async function agentThatStarted(bench: Workbench, job: Job): Promise<Program> {
  const dir = await temporaryDir();
  const source = new URL('../../src/data/runners/process.ts', import.meta.url).pathname;
  const entry = path.join(dir, 'entry.js');
  await writeFile(
    entry,
    `import { processRunner } from ${JSON.stringify(source)};
     const { folder, job } = JSON.parse(process.argv[2]);
     const logger = { debug: (line) => console.error(line), warn: console.error };
     await processRunner({ folder, logger }).start({ ...job, logger });
     console.log('started');
     process.stdin.resume();`,
  );
  const file = path.join(dir, 'agent.mjs');
  await build({ input: entry, platform: 'node', output: { file, format: 'esm' }, logLevel: 'silent' });
  const agent = new Program(process.execPath, [
    file,
    JSON.stringify({ folder: bench.folder, job: { ...job, logger: undefined } }),
  ]);
  await agent.shows(/started/);
  return agent;
}

/** Makes a file that this user may read but not run. */
export async function notExecutable(folder: string): Promise<string> {
  const file = path.join(folder, 'not-executable');
  await writeFile(file, '#!/bin/sh\n');
  await chmod(file, 0o600);
  return file;
}
