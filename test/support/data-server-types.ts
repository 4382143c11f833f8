import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import Docker from 'dockerode';
import { until } from '../../src/core/until.js';
import { inspect } from '../../src/platform/processes.js';
import { canRunDocker, dockerEngine, engineArguments, hasNextImages, nextImages, type TestEngine } from './docker.js';
import { temporaryDir } from './facility.js';
import type { JanusDouble, JanusDoubleOptions } from './janus/controller.js';
import { runningJanus } from './janus/running.js';
import { proxyPackages, recordedPid } from './processes.js';
import { placesIn, programsIn } from './proxy-programs.js';
import { requirePrograms } from './requires.js';

/** What a data server type needs around it, and what can be seen of its programs from outside. */
export interface Setting {
  /** For `s2ds` as well as `s2cs`. */
  readonly options: { readonly args: readonly string[]; readonly env: Record<string, string> };
  /** Names of the programs that there are for a data server: process ids, or containers whether they run or not. */
  readonly programs: (stateDir: string) => Promise<readonly string[]>;
  /** Where these are, if not in the state folder. */
  readonly volume?: string;
  /** The folder of each reservation that has a program. */
  readonly folders: (stateDir: string) => Promise<readonly string[]>;
  /** All that whoever runs the programs can tell of them: arguments, environment, requests. */
  readonly known: (stateDir: string) => Promise<string>;
  /** Kills the one program that there is. */
  readonly kill?: (stateDir: string) => Promise<void>;
}

/** One of the engines in one of the ways to run it. */
export interface TestedType {
  /** As a test is called. */
  readonly name: string;
  /** As users write it. */
  readonly type: string;
  readonly engine: 'relay' | 'haproxy' | 'nginx' | 'stunnel';
  readonly set: () => Promise<Setting>;
}

/** On every container; its value ends in the folder of the data server's reservations. */
const gatewayLabel = 'org.scistream.gateway';
const proxies = ['haproxy', 'nginx', 'stunnel'] as const;
const installed = requirePrograms(...proxyPackages);

export const processTypes = installed ? ofProxies('process', processes) : [];
export const dockerTypes =
  installed && canRunDocker() ? ofProxies('docker', async () => containersOf(await dockerEngine())) : [];
const newerDockerTypes = hasNextImages()
  ? ofProxies('docker', async () => containersOf({ ...(await dockerEngine()), images: nextImages }), ', newer image')
  : [];
export const janusTypes = installed ? ofProxies('janus', async () => (await janus()).setting) : [];

export const testedTypes: readonly TestedType[] = [
  { name: 'relay', type: 'relay', engine: 'relay', set: () => Promise.resolve(embedded) },
  ...processTypes,
  ...dockerTypes,
  ...newerDockerTypes,
  ...janusTypes,
];

export const encryptingTypes = testedTypes.filter(({ engine }) => engine === 'relay' || engine === 'stunnel');

function ofProxies(runner: string, set: TestedType['set'], of = ''): readonly TestedType[] {
  return proxies.map((engine) => {
    const type = `${engine}-${runner}`;
    return { name: `${type}${of}`, type, engine, set };
  });
}

const embedded: Setting = {
  options: { args: [], env: {} },
  programs: () => Promise.resolve([]),
  folders: placesIn,
  known: () => Promise.resolve(''),
};

function processes(): Promise<Setting> {
  const programs = (stateDir: string): Promise<number[]> => programsIn(path.join(stateDir, 's2ds.d'));
  return Promise.resolve({
    ...embedded,
    programs: async (stateDir) => (await programs(stateDir)).map(String),
    known: async (stateDir) => {
      const pids = await programs(stateDir);
      const files = pids.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]);
      return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
    },
    kill: async (stateDir) => {
      const [folder = ''] = await placesIn(stateDir);
      const pid = await recordedPid(folder);
      process.kill(pid, 'SIGKILL');
      await until('the end of the program', 5_000, () => inspect(pid)?.runs !== true);
    },
  });
}

function containersOf(engine: TestEngine): Setting {
  const docker = new Docker({ host: undefined, socketPath: engine.socket });
  const containers = async (stateDir: string) => {
    const all = await docker.listContainers({ all: true, filters: { label: [gatewayLabel] } });
    return all.filter(({ Labels }) => Labels[gatewayLabel]?.endsWith(path.join(stateDir, 's2ds.d')));
  };
  return {
    ...embedded,
    options: { args: engineArguments(engine), env: {} },
    programs: async (stateDir) => (await containers(stateDir)).flatMap(({ Names }) => Names).sort(),
    known: async (stateDir) => {
      const found = await containers(stateDir);
      return JSON.stringify(await Promise.all(found.map(({ Id }) => docker.getContainer(Id).inspect())));
    },
    kill: async (stateDir) => {
      for (const { Id } of await containers(stateDir)) await docker.getContainer(Id).kill();
    },
  };
}

/** A Janus controller with the programs behind it, and how a data server or a facility uses it. */
export async function janus(
  options: Partial<JanusDoubleOptions> = {},
): Promise<{ readonly setting: Setting; readonly double: JanusDouble }> {
  const volume = await temporaryDir();
  const running = await runningJanus(options);
  const { url, containers, sessions } = running.double;
  const place = ['--janus-url', url.href, '--janus-user', 'scientist', '--janus-instance', 'gateway'];
  const password = 'open sesame';
  const setting: Setting = {
    options: {
      args: [...place, '--janus-volume', volume],
      env: { SCISTREAM_S2DS_JANUS_PASSWORD: password, SCISTREAM_S2CS_JANUS_PASSWORD: password },
    },
    programs: async () => {
      const names = [...containers.all.values()].map(({ name }) => name);
      return [...names, ...(await running.programs()).map(String)];
    },
    volume,
    folders: async () => (await readdir(volume)).map((name) => path.join(volume, name)),
    known: () => {
      const asked = [...sessions.rows.values()];
      const made = [...containers.all.values()].map(({ image, arguments: given, lines }) => ({ image, given, lines }));
      return Promise.resolve(JSON.stringify({ asked, made }));
    },
    kill: running.kill,
  };
  return { setting, double: running.double };
}
