import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { formatEndpoint, parseEndpoints } from '../../src/core/endpoint.js';
import { SciStreamError } from '../../src/core/errors.js';
import type { ProxyControl, ProxySettings } from '../../src/data/engines/proxy/proxy.js';
import { stunnel } from '../../src/data/engines/proxy/stunnel/kind.js';
import { render } from '../../src/data/engines/proxy/template.js';
import { PortPool } from '../../src/data/ports.js';
import type { Running } from '../../src/data/runners/runner.js';
import { freePort, loggerTo } from './engine.js';
import { temporaryDir } from './facility.js';
import { Program } from './program.js';
import { first } from './v1.js';

export interface StunnelOptions extends Partial<Omit<ProxySettings, 'streams' | 'folder'>> {
  readonly protection: ProxySettings['protection'];
  /** One entry per listener; the targets of one are separated by commas. */
  readonly targets: readonly string[];
  readonly listenerIp?: string;
}

export interface StartedStunnel {
  readonly folder: string;
  readonly settings: ProxySettings;
  readonly addresses: readonly string[];
  readonly address: string;
  readonly running: Running;
  readonly control: ProxyControl;
  /** As the engine does it: the configuration on disk first. */
  apply(targets: readonly string[]): Promise<void>;
  /** What an agent that starts later has. */
  adopt(): ProxyControl;
}

/** stunnel as the engine configures it, ready, and ended with the test. */
export async function startStunnel(options: StunnelOptions): Promise<StartedStunnel> {
  const folder = await temporaryDir();
  const settings = await settingsOf(folder, options);
  const configuration = await configure(settings);
  const running = await runStunnel(stunnel.arguments(configuration, folder));
  const { place, logger } = { place: { folder, seenAs: folder }, logger: loggerTo([]) };
  const adopt = () => {
    const control = stunnel.control({ place, running, settings, logger });
    onTestFinished(() => control[Symbol.asyncDispose]());
    return control;
  };
  const control = adopt();
  await control.ready(AbortSignal.timeout(10_000));
  const addresses = settings.streams.map(({ listener }) => formatEndpoint(listener));
  const apply = async (targets: readonly string[]): Promise<void> => {
    const changed = withTargets(settings, targets);
    await configure(changed);
    await control.apply(changed);
  };
  return { folder, settings, addresses, address: first(addresses), running, control, apply, adopt };
}

async function settingsOf(folder: string, { targets, listenerIp, ...options }: StunnelOptions): Promise<ProxySettings> {
  const host = listenerIp ?? '127.0.0.1';
  const { ports } = await new PortPool(host, { kind: 'system' }).reserve(targets.length);
  const streams = ports.map((port, index) => ({
    listener: { host, port },
    targets: parseEndpoints(targets[index] ?? ''),
  }));
  const usual = { wan: 'listener', transport: 'tcp', maxRate: 0, workers: 1, bufferSize: 1 << 20 } as const;
  return { ...usual, idleTimeoutMs: 0, legacyPeer: false, ...options, folder, streams };
}

function withTargets(settings: ProxySettings, targets: readonly string[]): ProxySettings {
  const streams = settings.streams.map((stream, index) => ({
    ...stream,
    targets: parseEndpoints(targets[index] ?? ''),
  }));
  return { ...settings, streams };
}

/** Writes configuration and files; answers the configuration's path. */
export async function configure(settings: ProxySettings): Promise<string> {
  const file = path.join(settings.folder, 'stunnel.conf');
  await writeFile(file, await render(stunnel.template, stunnel.values(settings), undefined));
  for (const { name, content } of stunnel.files(settings)) {
    await writeFile(path.join(settings.folder, name), content, { mode: 0o600 });
    await chmod(path.join(settings.folder, name), 0o600);
  }
  return file;
}

/** Runs it in the foreground, drains what it prints, and kills it after the test. */
export async function runStunnel(args: readonly string[]): Promise<Running> {
  const child = spawn('stunnel', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let words = '';
  child.stdout.resume();
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
  const closed = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => {
      resolve(`${signal ?? `exit code ${code ?? 'none'}`}: ${words}`);
    });
  });
  await once(child, 'spawn');
  let disposed = false;
  const end = async (): Promise<void> => {
    disposed = true;
    child.kill('SIGKILL');
    await closed;
  };
  onTestFinished(end);
  return {
    signal: (name) =>
      child.kill(name) ? Promise.resolve() : Promise.reject(new SciStreamError('SERVER_ERR', 'stunnel is gone')),
    ended: new Promise((resolve) => {
      void closed.then((reason) => {
        if (!disposed) resolve(reason);
      });
    }),
    [Symbol.asyncDispose]: end,
  };
}

/** As the Python implementation configures it: S1. Answers where it listens. */
export async function legacyStunnel(options: { client: boolean; connect: string; key: Uint8Array }): Promise<string> {
  const folder = await temporaryDir();
  const [secrets, file] = [path.join(folder, 'key'), path.join(folder, 'stunnel.conf')];
  await writeFile(secrets, `client1:${Buffer.from(options.key).toString('hex')}\n`, { mode: 0o600 });
  const address = `127.0.0.1:${await freePort()}`;
  const lines = [
    'foreground = yes',
    'pid =',
    'debug = info',
    'ciphers = eNULL',
    'securityLevel = 0',
    'sslVersionMax = TLSv1.2',
    '[stream]',
    `client = ${options.client ? 'yes' : 'no'}`,
    `accept = ${address}`,
    `connect = ${options.connect}`,
    `PSKsecrets = ${secrets}`,
    ...(options.client ? ['PSKidentity = client1'] : []),
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  await new Program('stunnel', [file]).shows(/bound to/, 'stderr');
  return address;
}
