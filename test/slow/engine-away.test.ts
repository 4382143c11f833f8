import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Deferred } from '../../src/core/deferred.js';
import { until } from '../../src/core/until.js';
import { DataServer } from '../support/data-server.js';
import { canRunDocker, dockerEngine, engineArguments } from '../support/docker.js';
import { EngineGate } from '../support/engine-gate.js';
import { temporaryDir } from '../support/facility.js';
import { startJanus } from '../support/janus/controller.js';
import { echoesLine, named, Stage } from '../support/stage.js';
import { accepts } from '../support/tcp.js';

const type = 'haproxy-docker';
/** Retries begin a second after the first failure. */
const retriedMs = 20_000;

interface Bed {
  readonly gate: EngineGate;
  readonly stage: Stage;
  /** Of the data server. */
  readonly folder: string;
}

/** A stream through a container whose Engine can be taken away from the data server. */
async function bed(): Promise<Bed> {
  const engine = await dockerEngine();
  const { gate, host } = await EngineGate.open(engine.socket);
  // Before the data server ends, for whatever it has to end itself.
  const stage = await Stage.open(type, (await named('1')).address, { args: engineArguments({ ...engine, host }) });
  onTestFinished(() => (gate.isOpen ? undefined : gate.open().then(() => undefined)));
  return { gate, stage, folder: path.dirname(stage.folder) };
}

async function isGone({ stage, folder }: Bed): Promise<void> {
  await until('the end of what was left', retriedMs, async () => (await readdir(folder)).length === 0);
  expect(await accepts(stage.listener)).toBe(false);
}

describe.runIf(canRunDocker())('an Engine that is away', () => {
  it('for a release: the stream is ended, and its port free again, when it is back', async () => {
    const here = await bed();
    const { stage, gate } = here;
    await gate.close();
    await stage.server.client.release({ id: stage.id });
    expect((await stage.server.client.list({})).reservations).toEqual([]);
    expect(await readdir(stage.folder)).toEqual([]);
    expect(await accepts(stage.listener)).toBe(true);
    await gate.open();
    await isGone(here);
  });

  it('for a release and its data server: the next one ends it', async () => {
    const here = await bed();
    const { stage, gate } = here;
    await gate.close();
    await stage.server.client.release({ id: stage.id });
    await stage.crash(() => Promise.resolve());
    expect((await stage.server.client.list({})).reservations).toEqual([]);
    await stage.server.program.shows(/could not be ended; trying again/, 'stderr');
    await gate.open();
    await isGone(here);
  });

  it('for a take-over: the stream flows on, and obeys when it is back', async () => {
    const here = await bed();
    const { stage, gate } = here;
    const { socket } = await stage.enter();
    await stage.crash(() => gate.close());
    await stage.server.program.shows(/could not be taken over yet/, 'stderr');
    expect((await stage.server.client.list({})).reservations).toMatchObject([{ id: stage.id }]);
    expect(await echoesLine(socket, 'nobody minds it')).toBe(true);
    const next = (await named('2')).address;
    await expect(stage.point(next)).rejects.toThrow(/Docker/);
    await gate.open();
    await stage.server.program.shows(/was taken over/, 'stderr');
    await stage.point(next);
    expect((await stage.enter()).name).toBe('2');
    expect(await echoesLine(socket, 'it is the same')).toBe(true);
    await stage.server.client.release({ id: stage.id });
    await isGone(here);
  });

  it('for a take-over: a stream that is released meanwhile is ended', async () => {
    const here = await bed();
    const { stage, gate } = here;
    await stage.crash(() => gate.close());
    await stage.server.program.shows(/could not be taken over yet/, 'stderr');
    await stage.server.client.release({ id: stage.id });
    await gate.open();
    await isGone(here);
  });
});

it('a release does not wait for what Janus takes long to do', async () => {
  const volume = await mkdtemp(path.join(tmpdir(), 'scistream-janus-'));
  onTestFinished(() => rm(volume, { recursive: true, force: true }));
  const janus = await startJanus({ generation: '2026' });
  const [begun, goOn] = [new Deferred<void>(), new Deferred<void>()];
  janus.hold = (asked) => {
    if (asked !== 'POST /create') return undefined;
    begun.resolve();
    return goOn.promise;
  };
  const place = ['--janus-url', janus.url.href, '--janus-user', 'scientist', '--janus-instance', 'gateway'];
  const dir = await temporaryDir();
  const { client } = await DataServer.start({
    dir,
    args: [...place, '--janus-volume', volume],
    env: { SCISTREAM_S2DS_JANUS_PASSWORD: 'open sesame' },
  });
  const request = { type: 'haproxy-janus', role: 'PROD', numListeners: 1, security: 'none' };
  const { reservation } = await client.reserve(request);
  const id = reservation?.id ?? '';
  const updated = client.update({ id, forwards: [{ targets: ['127.0.0.1:9'] }] });
  const refused = expect(updated).rejects.toThrow('is not waited for any more');
  await begun.promise;
  await client.release({ id });
  await refused;
  expect(existsSync(path.join(volume, id, 'janus.json'))).toBe(true);
  expect(janus.sessions.rows.size).toBe(0);
  goOn.resolve();
  await until('the end of it', retriedMs, async () => (await readdir(volume)).length === 0);
  expect(janus.asked).toContain('DELETE /active/7');
  expect([janus.containers.all.size, janus.sessions.rows.size]).toEqual([0, 0]);
  expect(await readdir(path.join(dir, 's2ds.d'))).toEqual([]);
});
