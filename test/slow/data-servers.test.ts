import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import Docker from 'dockerode';
import { until } from '../../src/core/until.js';
import { inspect } from '../../src/platform/processes.js';
import type { DataServerOptions } from '../support/data-server.js';
import {
  canRunDocker,
  dockerEngine,
  engineArguments,
  hasNextImages,
  nextImages,
  type TestEngine,
} from '../support/docker.js';
import { temporaryDir } from '../support/facility.js';
import { startJanus, type JanusDouble } from '../support/janus/controller.js';
import { Payload } from '../support/payload.js';
import { requirePrograms } from '../support/requires.js';
import { echoesLine, named, Stage } from '../support/stage.js';
import { accepts } from '../support/tcp.js';

/** What a type needs around it, and how its program is killed. */
interface Setting {
  readonly options: DataServerOptions;
  readonly kill?: (stage: Stage) => Promise<void>;
  /** Nothing of the stream is left, once it is released. */
  readonly isGone: (stage: Stage) => Promise<boolean>;
}

const engines = ['haproxy', 'nginx', 'stunnel'] as const;
const megabytes = 64;

async function embedded(): Promise<Setting> {
  return Promise.resolve({ options: {}, isGone: () => Promise.resolve(true) });
}

async function processes(): Promise<Setting> {
  let pid = 0;
  return Promise.resolve({
    options: {},
    kill: async ({ folder }) => {
      ({ pid } = JSON.parse(await readFile(`${folder}/process.json`, 'utf8')) as { pid: number });
      process.kill(pid, 'SIGKILL');
      await until('the end of the program', 5_000, () => inspect(pid)?.runs !== true);
    },
    isGone: (stage) => Promise.resolve(!existsSync(stage.folder) && inspect(pid)?.runs !== true),
  });
}

async function containers(): Promise<Setting> {
  return containersOf(await dockerEngine());
}

async function newerContainers(): Promise<Setting> {
  return containersOf({ ...(await dockerEngine()), images: nextImages });
}

function containersOf(engine: TestEngine): Setting {
  const docker = new Docker({ socketPath: engine.socket });
  return {
    options: { args: engineArguments(engine) },
    kill: async ({ id }) => {
      await docker.getContainer(`scistream-${id}`).kill();
    },
    isGone: async ({ id, folder }) => {
      const left = await docker.listContainers({ all: true, filters: { name: [`scistream-${id}`] } });
      return left.length === 0 && !existsSync(folder);
    },
  };
}

async function janus(): Promise<Setting> {
  const volume = await temporaryDir();
  const commands = { haproxy: '/usr/sbin/haproxy', nginx: '/usr/sbin/nginx', stunnel: '/usr/bin/stunnel4' };
  const double: JanusDouble = await startJanus({
    generation: '2026',
    run: ({ image, arguments: given }) => {
      const engine = engines.find((name) => image.startsWith(name)) ?? 'haproxy';
      // A container dies with its first process.
      return spawn(commands[engine], given, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    },
  });
  const place = ['--janus-url', double.url.href, '--janus-user', 'scientist', '--janus-instance', 'gateway'];
  return {
    options: {
      args: [...place, '--janus-volume', volume],
      env: { SCISTREAM_S2DS_JANUS_PASSWORD: 'open sesame' },
    },
    kill: () => {
      for (const container of double.containers.all.values()) {
        if (container.process?.pid !== undefined) process.kill(-container.process.pid, 'SIGKILL');
      }
      return Promise.resolve();
    },
    isGone: ({ id }) => Promise.resolve(!existsSync(`${volume}/${id}`) && double.containers.all.size === 0),
  };
}

const installed = requirePrograms(
  { name: 'haproxy', check: ['/usr/sbin/haproxy', '-v'], hint: 'apt-get install haproxy' },
  { name: 'nginx', check: ['/usr/sbin/nginx', '-v'], hint: 'apt-get install nginx-core libnginx-mod-stream' },
  { name: 'stunnel', check: ['/usr/bin/stunnel4', '-version'], hint: 'apt-get install stunnel4' },
);
const types = [
  { type: 'relay', set: embedded },
  ...(installed ? engines.map((engine) => ({ type: `${engine}-process`, set: processes })) : []),
  ...(installed && canRunDocker() ? engines.map((engine) => ({ type: `${engine}-docker`, set: containers })) : []),
  ...(hasNextImages() ? engines.map((engine) => ({ type: `${engine}-docker`, set: newerContainers })) : []),
  ...(installed ? engines.map((engine) => ({ type: `${engine}-janus`, set: janus })) : []),
];

describe.each(types)('a stream of data server type $type ($set.name)', ({ type, set }) => {
  it('carries 64 MB both ways, follows updates, comes back, outlives its data server and leaves nothing', async () => {
    const { options, kill, isGone } = await set();
    const [one, two] = [await named('1'), await named('2')];
    const stage = await Stage.open(type, one.address, options);

    const payload = new Payload(megabytes);
    const { socket: bulk, name } = await stage.enter();
    expect(name).toBe('1');
    expect(await payload.echoedBy(bulk)).toEqual({ hash: payload.hash, bytes: payload.bytes });

    const { socket: early } = await stage.enter();
    await stage.point(two.address);
    expect((await stage.enter()).name, 'new connections after an update').toBe('2');
    expect(await echoesLine(early, 'still here'), 'a connection from before the update').toBe(true);

    if (kill) {
      await stage.server.client.list({});
      const { socket: lost } = await stage.enter();
      const over = until('the end of a lost connection', 10_000, () => lost.destroyed || lost.readableEnded);
      lost.resume();
      await kill(stage);
      await over;
      expect((await stage.enter()).name, 'after its program was killed').toBe('2');

      const { socket: durable } = await stage.enter();
      await stage.crash(async () => {
        expect(await echoesLine(durable, 'without a data server')).toBe(true);
      });
      const { reservations } = await stage.server.client.list({});
      expect(reservations.map(({ id }) => id)).toEqual([stage.id]);
      expect(await echoesLine(durable, 'with another one')).toBe(true);
      await stage.point(one.address);
      expect((await stage.enter()).name, 'after the next data server took over').toBe('1');
      expect(await echoesLine(durable, 'and updated')).toBe(true);
    }

    await stage.server.client.release({ id: stage.id });
    expect(await accepts(stage.listener)).toBe(false);
    expect(await isGone(stage)).toBe(true);
  });
});
