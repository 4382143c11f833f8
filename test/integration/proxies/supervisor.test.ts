import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../../src/core/until.js';
import { Supervisor } from '../../../src/data/engines/proxy/supervisor.js';
import type { ProxyControl } from '../../../src/data/engines/proxy/proxy.js';
import type { Job } from '../../../src/data/runners/runner.js';
import { HandClock } from '../../support/hand-clock.js';
import { mainPid, Workbench } from '../../support/processes.js';

const script = `cd "$(dirname "$0")"
echo started >> starts
if [ -e refuse ]; then exit 7; fi
touch serves
exec tail -f /dev/null`;

/** A script in the role of a proxy, and its supervisor, whose time passes by hand. */
class Scene implements AsyncDisposable {
  readonly clock = new HandClock();
  readonly released = new AbortController();
  readonly #bench: Workbench;
  readonly #job: Job;
  readonly #supervisor: Supervisor;
  /** How often a start was begun. */
  prepared = 0;
  #lost = 0;

  private constructor(bench: Workbench, job: Job) {
    this.#bench = bench;
    this.#job = job;
    this.#supervisor = new Supervisor({
      runner: bench.runner,
      job: () => job,
      prepare: () => {
        this.prepared++;
        return rm(this.#file('serves'), { force: true });
      },
      control: () => this.#control(),
      follow: () => Promise.resolve(),
      onLost: () => this.#lost++,
      released: this.released.signal,
      clock: this.clock,
      logger: bench.log.logger,
    });
  }

  static async start(): Promise<Scene> {
    const bench = await Workbench.make();
    const scene = new Scene(bench, await bench.script(script));
    onTestFinished(() => scene[Symbol.asyncDispose]());
    await scene.#supervisor.start();
    return scene;
  }

  /** Ends what runs, and waits until it is missed. */
  async loses(): Promise<void> {
    const lost = this.#lost;
    process.kill(await mainPid(this.#job), 'SIGKILL');
    await until('the loss', 5_000, () => this.#lost > lost && this.clock.armed === 1);
  }

  /** The pause ends after so many milliseconds, and not before; then it is started. */
  async startsAfter(ms: number): Promise<void> {
    const before = await this.starts();
    this.clock.pass(ms - 1);
    expect(this.clock.armed, `pausing for ${ms} ms`).toBe(1);
    this.clock.pass(1);
    await until(`a start after ${ms} ms`, 5_000, async () => (await this.starts()) > before);
    expect(await this.starts()).toBe(before + 1);
  }

  /** The same, and it serves. */
  async servesAfter(ms: number): Promise<void> {
    await this.startsAfter(ms);
    await until('the program serving', 5_000, () => this.#supervisor.control !== undefined);
    expect(this.clock.armed).toBe(0);
  }

  async starts(): Promise<number> {
    return (await readFile(this.#file('starts'), 'utf8')).split('\n').length - 1;
  }

  async refuses(does: boolean): Promise<void> {
    if (does) await writeFile(this.#file('refuse'), '');
    else await rm(this.#file('refuse'));
  }

  said(pattern: RegExp): readonly string[] {
    return this.#bench.log.lines.map(({ msg }) => msg).filter((msg) => pattern.test(msg));
  }

  /** Nothing of the program is there. */
  get isGone(): boolean {
    return !existsSync(this.#file('process.json'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#supervisor[Symbol.asyncDispose]();
  }

  #control(): ProxyControl {
    return {
      ready: async (signal) => {
        await until('the script serving', Infinity, () => existsSync(this.#file('serves')), signal);
      },
      apply: () => Promise.resolve(),
      snapshot: () => Promise.resolve({ counters: {}, connections: [] }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  #file(name: string): string {
    return path.join(this.#job.place.folder, name);
  }
}

describe('a program that ends by itself', () => {
  it('is started again after pauses that grow', async () => {
    const scene = await Scene.start();
    for (const pause of [200, 400, 800, 1_600]) {
      await scene.loses();
      await scene.servesAfter(pause);
    }
  });

  it('is started soon again once it has run for ten seconds', async () => {
    const scene = await Scene.start();
    await scene.loses();
    await scene.servesAfter(200);
    await scene.loses();
    await scene.servesAfter(400);
    scene.clock.pass(9_999);
    await scene.loses();
    await scene.servesAfter(800);
    scene.clock.pass(10_000);
    await scene.loses();
    await scene.servesAfter(200);
    await scene.loses();
    await scene.servesAfter(400);
  });

  it('is started again and again when that fails, at last every thirty seconds, until it works', async () => {
    const scene = await Scene.start();
    await scene.refuses(true);
    await scene.loses();
    const pauses = [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000];
    for (const [index, pause] of pauses.entries()) {
      await scene.startsAfter(pause);
      await until('the failure', 5_000, () => scene.said(/could not be started again/).length === index + 1);
    }
    expect(scene.said(/runs again/)).toEqual([]);
    await scene.refuses(false);
    await scene.servesAfter(30_000);
    expect(scene.said(/runs again/)).toHaveLength(1);
  });

  it.each(['the release', 'the disposal'])('is not started any more when %s comes in the pause', async (what) => {
    const scene = await Scene.start();
    await scene.loses();
    if (what === 'the release') scene.released.abort();
    await scene[Symbol.asyncDispose]();
    expect(scene.clock.armed).toBe(0);
    scene.clock.pass(60_000);
    await scene[Symbol.asyncDispose]();
    expect(scene.prepared).toBe(1);
    expect(scene.isGone).toBe(true);
  });

  it('is not started either when the pause ends between release and disposal', async () => {
    const scene = await Scene.start();
    await scene.loses();
    scene.released.abort();
    scene.clock.pass(200);
    await scene[Symbol.asyncDispose]();
    expect(scene.prepared).toBe(1);
    expect(scene.isGone).toBe(true);
  });
});
