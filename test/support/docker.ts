import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { SciStreamError } from '../../src/core/errors.js';
import { Scope } from '../../src/core/scope.js';
import { until } from '../../src/core/until.js';
import { lockStateDir } from '../../src/platform/state-dir.js';
import { requirePrograms } from './requires.js';

const run = promisify(execFile);
const script = 'scripts/docker-engine.js';

/** The images that scripts/docker-engine.js makes. */
const images = {
  haproxy: 'scistream-test/haproxy:latest',
  nginx: 'scistream-test/nginx:latest',
  stunnel: 'scistream-test/stunnel:latest',
};

/** The same programs in the versions of the next Debian release, if the engine was started with them. */
export const nextImages: typeof images = {
  haproxy: 'scistream-test/haproxy:next',
  nginx: 'scistream-test/nginx:next',
  stunnel: 'scistream-test/stunnel:next',
};

/** True where `nextImages` can be used. */
export function hasNextImages(): boolean {
  return requirePrograms({
    name: 'images of the next Debian release',
    check: ['sh', '-c', `docker --host "$SCISTREAM_TEST_DOCKER" image inspect ${nextImages.stunnel}`],
    hint: `give SCISTREAM_TEST_DOCKER what "${script} start DIR --next" prints`,
  });
}

export interface TestEngine {
  /** As --docker-host takes it. */
  readonly host: string;
  /** Of the same engine. */
  readonly socket: string;
  readonly images: typeof images;
}

/** True where `dockerEngine` works; otherwise the reason is printed, and in CI thrown. */
export function canRunDocker(): boolean {
  const installed = ['dockerd', 'haproxy', 'nginx', 'stunnel4'].map((name) => `command -v ${name}`).join(' && ');
  return requirePrograms({
    name: 'a Docker Engine',
    check: ['sh', '-c', `test -n "$SCISTREAM_TEST_DOCKER" || { test "$(id -u)" = 0 && ${installed}; }`],
    hint: `as root with Debian's docker.io, haproxy, libnginx-mod-stream and stunnel4; or give SCISTREAM_TEST_DOCKER what "${script} start DIR" prints`,
  });
}

/**
 * A Docker Engine with the images: the one that SCISTREAM_TEST_DOCKER names, else one that the first test to ask starts for
 * all, and that ends with the whole run.
 */
export async function dockerEngine(): Promise<TestEngine> {
  const given = process.env['SCISTREAM_TEST_DOCKER'] ?? '';
  const host = given === '' ? await sharedEngine(inject('dockerDir')) : given;
  return { host, socket: host.replace(/^unix:\/\//, ''), images };
}

/** The options of `s2cs` and `s2ds` for this engine. */
export function engineArguments({ host, images: names }: TestEngine): string[] {
  const named = Object.entries(names).flatMap(([program, image]) => [`--${program}-image`, image]);
  return ['--docker-host', host, ...named];
}

/** Ends the engine that tests have started in `dir`, if any. */
export async function stopSharedEngine(dir: string): Promise<void> {
  if (existsSync(dir)) await run(process.execPath, [script, 'stop', dir]);
}

async function sharedEngine(dir: string): Promise<string> {
  await using scope = new Scope();
  scope.use(await until('The start of the Docker Engine by another test', 120_000, () => lock(dir)));
  const ready = path.join(dir, 'ready');
  if (!existsSync(ready)) {
    await run(process.execPath, [script, 'start', dir]);
    await writeFile(ready, '');
  }
  return `unix://${path.join(dir, 'docker.sock')}`;
}

async function lock(dir: string): Promise<AsyncDisposable | undefined> {
  try {
    return await lockStateDir(path.dirname(dir), 'docker', 'Another test starts the Docker Engine.');
  } catch (error) {
    if (error instanceof SciStreamError && error.code === 'ALREADY_EXISTS') return undefined;
    throw error;
  }
}
