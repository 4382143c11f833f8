import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pino, type Logger } from 'pino';
import { onTestFinished } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import { janusRunner, type JanusOptions } from '../../../src/data/runners/janus.js';
import type { Job, Program, ProgramRunner } from '../../../src/data/runners/runner.js';
import { startJanus, type JanusDouble, type JanusDoubleOptions } from './controller.js';

export const password = 'open sesame';

export const haproxy: Program = {
  name: 'haproxy',
  commands: ['/usr/sbin/haproxy'],
  packages: ['haproxy'],
  versionArguments: ['-v'],
  versionPattern: /version (\S+)/,
};

export interface Bed {
  readonly janus: JanusDouble;
  readonly runner: ProgramRunner;
  /** The volume, on this side and on the other: the same path, as both are this machine. */
  readonly volume: string;
  /** All that was logged, as one text. */
  readonly logged: () => string;
  readonly options: JanusOptions;
}

/** A controller and a runner that uses it. */
export async function bed(double: JanusDoubleOptions, options: Partial<JanusOptions> = {}): Promise<Bed> {
  const volume = await mkdtemp(path.join(tmpdir(), 'scistream-janus-'));
  onTestFinished(() => rm(volume, { recursive: true, force: true }));
  const janus = await startJanus(double);
  const { logger, logged } = collect();
  const complete: JanusOptions = {
    url: janus.url,
    user: 'scientist',
    password: new Secret(Buffer.from(password)),
    ca: undefined,
    profile: 'scistream',
    images: { haproxy: 'haproxy:2.6', nginx: 'nginx', stunnel: 'stunnel:5' },
    instances: ['gateway'],
    volume: { folder: volume, seenAs: volume },
    gateway: 'gateway:/state',
    logger,
    pollMs: 50,
    ...options,
  };
  return { janus, runner: janusRunner(complete), volume, logged, options: complete };
}

/** A job of haproxy's, in the place that the runner makes for it. */
export async function jobFor(
  { runner, options: { logger } }: Bed,
  { id = 'r1', ...fields }: Partial<Job> = {},
): Promise<Job> {
  const place = await runner.place(id);
  return {
    id,
    program: haproxy,
    place,
    arguments: ['-W', '-f', path.join(place.seenAs, 'haproxy.cfg')],
    listeners: [],
    transport: 'tcp',
    logger,
    ...fields,
  };
}

function collect(): { logger: Logger; logged: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { logger: pino({ level: 'debug' }, stream), logged: () => text };
}
