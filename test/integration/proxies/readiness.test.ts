import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Deferred } from '../../../src/core/deferred.js';
import { parseEndpoint } from '../../../src/core/endpoint.js';
import { until } from '../../../src/core/until.js';
import type { ForwarderOptions } from '../../../src/data/engines/engine.js';
import { ProxyForwarder } from '../../../src/data/engines/proxy/forwarder.js';
import { haproxy } from '../../../src/data/engines/proxy/haproxy/kind.js';
import type { ProxyKind } from '../../../src/data/engines/proxy/proxy.js';
import { isRunning } from '../../../src/platform/child.js';
import { noKey } from '../../support/engine.js';
import { temporaryDir } from '../../support/facility.js';
import { HandClock } from '../../support/hand-clock.js';
import { freeAddress, isFree, Workbench } from '../../support/processes.js';
import { accepts } from '../../support/tcp.js';

/** Notes its process id, answers by a file unless there is one `mute`, and listens once there is one `listen`. */
const template = `
const fs = require('node:fs');
const listen = () => {
  if (!fs.existsSync('listen')) return;
  watcher.close();
  require('node:net').createServer((socket) => socket.destroy()).listen({{ port }}, '{{ host }}');
};
const watcher = fs.watch('.', listen);
fs.writeFileSync('pid', String(process.pid));
fs.writeFileSync(fs.existsSync('mute') ? 'said-nothing' : 'answers', '');
listen();
`;

const targets = [[parseEndpoint('127.0.0.1:1')]] as const;

/** That program as a proxy of the test, to be started by an update. */
class Scene {
  readonly clock = new HandClock();
  /** Its own protocol says that it serves. */
  readonly answered = new Deferred<void>();
  readonly forwarder: ProxyForwarder;
  readonly bench: Workbench;
  readonly address: string;
  readonly folder: string;

  private constructor(bench: Workbench, address: string, folder: string, templateDir: string) {
    this.bench = bench;
    this.address = address;
    this.folder = folder;
    const { logger } = bench.log;
    const settings = { portable: false, socketBuffer: 0, workers: 1, bufferSize: 1, idleTimeoutMs: 0, logger };
    const { signal: released } = new AbortController();
    const options: ForwarderOptions = {
      ...{ id: 'reservation', listeners: [parseEndpoint(address)], role: 'PROD', transport: 'tcp', maxRate: 0 },
      ...{ protection: noKey, released, logger },
    };
    this.forwarder = new ProxyForwarder(this.#kind(), bench.runner, { ...settings, templateDir }, options, this.clock);
  }

  static async make(): Promise<Scene> {
    const bench = await Workbench.make();
    const { folder } = await bench.runner.place('reservation');
    const templateDir = await temporaryDir();
    const scene = new Scene(bench, await freeAddress(), folder, templateDir);
    await writeFile(path.join(templateDir, 'slow.cjs.j2'), template);
    onTestFinished(() => scene.forwarder[Symbol.asyncDispose]());
    return scene;
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  tells(name: string): Promise<void> {
    return writeFile(this.file(name), '');
  }

  async shows(name: string): Promise<void> {
    await until(`the file ${name}`, 10_000, () => existsSync(this.file(name)));
  }

  /** What was started is not there any more. */
  async isGone(): Promise<void> {
    expect(isRunning(Number(await readFile(this.file('pid'), 'utf8')))).toBe(false);
    expect(existsSync(this.file('process.json'))).toBe(false);
    await isFree(this.address);
  }

  #kind(): ProxyKind {
    return {
      ...haproxy,
      program: { ...haproxy.program, commands: [process.execPath] },
      template: 'slow.cjs.j2',
      values: ({ streams }) => ({ ...streams[0]?.listener }),
      arguments: (configuration) => [configuration],
      checkArguments: (configuration) => ['--check', configuration],
      prepare: ({ folder }) => rm(path.join(folder, 'answers'), { force: true }),
      control: ({ place }) => ({
        ready: async (signal) => {
          await until('an answer', Infinity, () => existsSync(path.join(place.folder, 'answers')), signal);
          this.answered.resolve();
        },
        apply: () => Promise.resolve(),
        snapshot: () => Promise.resolve({ counters: {}, connections: [] }),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
    };
  }
}

describe('a program that answers before it listens', () => {
  it('serves once it listens: so long the update waits', async () => {
    const scene = await Scene.make();
    const { forwarder, answered, address } = scene;
    let updated = false;
    const updating = forwarder.update(targets).then(() => (updated = true));
    await answered.promise;
    // Each takes a turn with the system, after which the update would be through.
    for (let turn = 0; turn < 20; turn++) await freeAddress();
    expect([updated, await accepts(address)]).toEqual([false, false]);
    await scene.tells('listen');
    await updating;
    expect(await accepts(address)).toBe(true);
  });

  it('is ended at the deadline, with words of what is missing, and the next update tries again', async () => {
    const scene = await Scene.make();
    const { forwarder, clock, address, bench } = scene;
    const message = `haproxy runs, but after 15 s it does not listen at ${address}; the log of s2ds has its words with --verbose.`;
    const failed = expect(forwarder.update(targets)).rejects.toMatchObject({ code: 'SERVER_ERR', message });
    await scene.answered.promise;
    clock.pass(14_999);
    await freeAddress();
    expect(isRunning(Number(await readFile(scene.file('pid'), 'utf8')))).toBe(true);
    clock.pass(1);
    await failed;
    await scene.isGone();
    expect(clock.armed).toBe(0);
    await scene.tells('listen');
    await forwarder.update(targets);
    expect(await accepts(address)).toBe(true);
    await forwarder[Symbol.asyncDispose]();
    await scene.isGone();
    await bench.runner.end('reservation');
    expect(existsSync(scene.folder)).toBe(false);
  });
});

describe('a program that never answers', () => {
  it('is ended at the deadline, with words of what is missing', async () => {
    const scene = await Scene.make();
    await scene.tells('mute');
    const message = /^haproxy runs, but after 15 s it does not answer; /;
    const failed = expect(scene.forwarder.update(targets)).rejects.toThrow(message);
    await scene.shows('said-nothing');
    scene.clock.pass(15_000);
    await failed;
    await scene.isGone();
  });
});
