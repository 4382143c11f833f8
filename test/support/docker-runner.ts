import Docker from 'dockerode';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { formatEndpoint } from '../../src/core/endpoint.js';
import { until } from '../../src/core/until.js';
import { dockerRunner, type DockerOptions } from '../../src/data/runners/docker.js';
import type { Job, Program, ProgramRunner, Running } from '../../src/data/runners/runner.js';
import { dockerEngine } from './docker.js';
import { freePort, loggerTo } from './engine.js';
import { accepts } from './tcp.js';
import { endLeft } from './runners.js';

export const haproxy: Program = {
  name: 'haproxy',
  // Images may know a program by its second name only.
  commands: ['haproxy-of-another-system', '/usr/sbin/haproxy'],
  packages: ['haproxy'],
  versionArguments: ['-v'],
  versionPattern: /version (\S+)/,
};

export const nginx: Program = {
  name: 'nginx',
  commands: ['nginx'],
  packages: ['nginx-core', 'libnginx-mod-stream'],
  versionArguments: ['-v'],
  versionPattern: /nginx\/(\S+)/,
};

/** As whom programs run: as ourselves, unless we are root. */
export const user = { uid: process.getuid?.() || 65534, gid: process.getgid?.() || 65534 };

export interface Setup {
  readonly docker: Docker;
  readonly options: DockerOptions;
  readonly runner: ProgramRunner;
  /** What the runner itself has logged. */
  readonly log: string[];
}

/** A runner with a folder and a gateway's name of its own; its containers and folders are removed after the test. */
export async function setUp(overrides: Partial<DockerOptions> = {}): Promise<Setup> {
  const { host, socket, images } = await dockerEngine();
  const folder = await mkdtemp(path.join(tmpdir(), 'docker-runner-'));
  const log: string[] = [];
  const options = { folder, host, images, gateway: `test-${randomUUID()}`, logger: loggerTo(log), ...overrides };
  onTestFinished(async () => {
    await endLeft(dockerRunner({ ...options, host }));
    await rm(folder, { recursive: true, force: true });
  });
  return { docker: new Docker({ host: undefined, socketPath: socket }), options, runner: dockerRunner(options), log };
}

export interface Prepared {
  readonly job: Job;
  readonly address: string;
  /** What the program has printed. */
  readonly log: string[];
}

/** A reservation with HAProxy between a port of its own and `target`. */
export async function prepare(runner: ProgramRunner, target: string, id: string = randomUUID()): Promise<Prepared> {
  const listener = { host: '127.0.0.1', port: await freePort() };
  const place = await runner.place(id);
  const configuration = path.join(place.folder, 'haproxy.cfg');
  await writeFile(configuration, haproxyConfig(formatEndpoint(listener), target, place.seenAs), { mode: 0o600 });
  const log: string[] = [];
  const job: Job = {
    ...{ id, program: haproxy, place, listeners: [listener], transport: 'tcp', logger: loggerTo(log) },
    arguments: ['-f', configuration],
    checkArguments: ['-c', '-f', configuration],
  };
  return { job, address: formatEndpoint(listener), log };
}

/** Starts it and waits for its port. It is disposed after the test at the latest. */
export async function run(runner: ProgramRunner, { job, address }: Prepared): Promise<Running> {
  const running = await runner.start(job);
  onTestFinished(() => running[Symbol.asyncDispose]());
  await until(`${address} is listened at`, 10_000, () => accepts(address));
  return running;
}

/** Names of the gateway's containers, whether they run or not. */
export async function containers({ docker, options }: Setup): Promise<string[]> {
  const label = [`org.scistream.gateway=${options.gateway}`];
  return (await docker.listContainers({ all: true, filters: { label } })).flatMap(({ Names }) => Names).toSorted();
}

function haproxyConfig(listener: string, target: string, folder: string): string {
  return `global
  log stdout format raw local0 debug
  stats socket ${folder}/admin.sock mode 600 level admin
  maxconn 100
defaults
  mode tcp
  log global
  option tcplog
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen data
  bind ${listener}
  server target ${target}
`;
}
