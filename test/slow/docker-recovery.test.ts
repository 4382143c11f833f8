import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { dockerRunner } from '../../src/data/runners/docker.js';
import { canRunDocker, dockerEngine } from '../support/docker.js';
import { containers, prepare, run, setUp } from '../support/docker-runner.js';
import { EngineGate } from '../support/engine-gate.js';
import { accepts, connect, echo } from '../support/tcp.js';
import { endLeft } from '../support/runners.js';

/** With the start of the Engine. */
const timeout = 120_000;

describe.runIf(canRunDocker())('the runner docker, when something dies', { timeout }, () => {
  it('tells that a container was killed, and starts another in its place', async () => {
    const setup = await setUp();
    const prepared = await prepare(setup.runner, (await echo()).address);
    const first = await run(setup.runner, prepared);
    await setup.docker.getContainer(`scistream-${prepared.job.id}`).kill();
    expect(await first.ended).toMatch(/^it ended with exit code 137/);
    // As the forwarder does, without disposing the one that has ended.
    await run(setup.runner, prepared);
    expect(await containers(setup)).toEqual([`/scistream-${prepared.job.id}`]);
    await expect(first.signal('SIGHUP')).rejects.toMatchObject({ code: 'SERVER_ERR' });
  });

  it('tells the last words of a program that ends by itself', async () => {
    const { runner } = await setUp();
    const { job } = await prepare(runner, '127.0.0.1:1');
    await using running = await runner.start({ ...job, arguments: ['-f', '/no/such/file'] });
    expect(await running.ended).toMatch(/^it ended with exit code 1: .*\/no\/such\/file/);
  });

  it('tells that a container was removed, and disposes what has gone without complaint', async () => {
    const { runner, docker } = await setUp();
    const prepared = await prepare(runner, (await echo()).address);
    const running = await run(runner, prepared);
    await docker.getContainer(`scistream-${prepared.job.id}`).remove({ force: true });
    expect(await running.ended).toMatch(/^its container was removed$|exit code 137/);
    await running[Symbol.asyncDispose]();
  });

  it('a new agent takes over a container with its open connections', async () => {
    const setup = await setUp();
    const prepared = await prepare(setup.runner, (await echo()).address);
    const before = await run(setup.runner, prepared);
    const socket = await connect(prepared.address);
    const heard: string[] = [];
    socket.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
    socket.write('one');
    await until('an answer', 10_000, () => heard.join('') === 'one');

    const next = dockerRunner(setup.options);
    const place = await next.place(prepared.job.id);
    expect(place).toEqual(prepared.job.place);
    await endLeft(next, [prepared.job.id]);
    const adopted = await next.adopt({ ...prepared.job, place });
    socket.write('two');
    await until('another answer', 10_000, () => heard.join('') === 'onetwo');
    await adopted?.[Symbol.asyncDispose]();
    expect(adopted).toBeDefined();
    expect(await containers(setup)).toEqual([]);
    expect(await accepts(prepared.address)).toBe(false);
    await before.ended;
    await before[Symbol.asyncDispose]();
  });

  it('takes over nothing that has ended, never was, or is of another gateway', async () => {
    const setup = await setUp();
    const prepared = await prepare(setup.runner, (await echo()).address);
    expect(await setup.runner.adopt(prepared.job)).toBeUndefined();
    const running = await run(setup.runner, prepared);
    const stranger = dockerRunner({ ...setup.options, gateway: 'another' });
    expect(await stranger.adopt(prepared.job)).toBeUndefined();
    await expect(stranger.start(prepared.job)).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      message: expect.stringContaining(`docker rm --force scistream-${prepared.job.id}`) as string,
    });
    await setup.docker.getContainer(`scistream-${prepared.job.id}`).kill();
    await running.ended;
    expect(await setup.runner.adopt(prepared.job)).toBeUndefined();
  });

  it('R7 clears what earlier agents left, but nothing that is wanted or of another gateway', async () => {
    const [mine, theirs] = [await setUp(), await setUp()];
    const { address } = await echo();
    const [kept, orphan, other] = [
      await prepare(mine.runner, address),
      await prepare(mine.runner, address),
      await prepare(theirs.runner, address),
    ];
    const all = [await run(mine.runner, kept), await run(mine.runner, orphan), await run(theirs.runner, other)];
    const unused = await mine.runner.place(randomUUID());

    await endLeft(dockerRunner(mine.options), [kept.job.id]);
    expect(await containers(mine)).toEqual([`/scistream-${kept.job.id}`]);
    expect(await containers(theirs)).toEqual([`/scistream-${other.job.id}`]);
    expect([kept, orphan, other].map(({ job }) => existsSync(job.place.folder))).toEqual([true, false, true]);
    expect(existsSync(unused.folder)).toBe(false);
    await Promise.all(all.map((running) => running[Symbol.asyncDispose]()));
  });

  it('R7 clears what earlier agents left by its labels, where its folder is lost', async () => {
    const setup = await setUp();
    const prepared = await prepare(setup.runner, (await echo()).address);
    const running = await run(setup.runner, prepared);
    await rm(setup.options.folder, { recursive: true });
    const next = dockerRunner(setup.options);
    expect(await next.left()).toEqual([prepared.job.id]);
    await endLeft(next);
    expect(await containers(setup)).toEqual([]);
    expect(await readdir(setup.options.folder)).toEqual([]);
    await running[Symbol.asyncDispose]();
  });

  it('goes on watching a container when the Engine is back', async () => {
    const { gate, host } = await EngineGate.open((await dockerEngine()).socket);
    const setup = await setUp({ host });
    const prepared = await prepare(setup.runner, (await echo()).address);
    const running = await run(setup.runner, prepared);
    let ended: string | undefined;
    const end = running.ended.then((reason) => (ended = reason));

    await gate.close();
    await until('the warning', 10_000, () => prepared.log.some((line) => line.includes('is not known')));
    await expect(running.signal('SIGHUP')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(setup.runner.end(prepared.job.id)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await setup.runner.left()).toEqual([prepared.job.id]);
    expect(await readdir(prepared.job.place.folder)).toEqual([]);
    expect(await accepts(prepared.address)).toBe(true);
    expect(ended).toBeUndefined();

    await gate.open();
    await setup.docker.getContainer(`scistream-${prepared.job.id}`).kill();
    expect(await end).toContain('exit code 137');
  });

  it('ends its watch when it cannot end the container, which somebody else will', async () => {
    const { gate, host } = await EngineGate.open((await dockerEngine()).socket);
    const setup = await setUp({ host });
    const prepared = await prepare(setup.runner, (await echo()).address);
    const running = await setup.runner.start(prepared.job);
    await gate.close();
    await expect(running[Symbol.asyncDispose]()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await gate.open();
    await setup.runner.end(prepared.job.id);
    expect(await containers(setup)).toEqual([]);
  });
});
