import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/core/clock.js';
import { formatEndpoint, type Endpoint } from '../../src/core/endpoint.js';
import { Configuration } from '../../src/data/engines/proxy/configuration.js';
import type { ConnectionInfo, Counters, Forwarder, ForwarderOptions } from '../../src/data/engines/engine.js';
import { ProxyForwarder } from '../../src/data/engines/proxy/forwarder.js';
import type { ProxyControl, ProxyKind, ProxySettings } from '../../src/data/engines/proxy/proxy.js';
import { PortPool } from '../../src/data/ports.js';
import type { Place, Running } from '../../src/data/runners/runner.js';
import { sendSignal } from '../../src/platform/processes.js';
import { targetsOf } from './engine.js';
import { mainPid, Workbench } from './processes.js';
import { first } from './v1.js';

export interface ProxyOptions extends Partial<Omit<ProxySettings, 'folder' | 'streams'>> {
  /** One entry per listener; the targets of one are separated by commas. */
  readonly targets: readonly string[];
  readonly listenerIp?: string;
}

export const usualSettings = {
  wan: 'listener',
  transport: 'tcp',
  protection: { kind: 'none' },
  maxRate: 0,
  workers: 2,
  bufferSize: 1 << 20,
  idleTimeoutMs: 0,
} satisfies Omit<ProxySettings, 'folder' | 'streams'>;

/** A proxy as the engine configures it, run by the process runner; it ends with the test. */
export class TestProxy {
  readonly kind: ProxyKind;
  readonly #bench: Workbench;
  readonly #place: Place;
  settings: ProxySettings;
  #running: Running | undefined;
  #control: ProxyControl | undefined;

  private constructor(kind: ProxyKind, settings: ProxySettings, bench: Workbench, place: Place) {
    this.kind = kind;
    this.settings = settings;
    this.#bench = bench;
    this.#place = place;
  }

  /** In its folder, not configured yet. */
  static async place(kind: ProxyKind, options: ProxyOptions): Promise<TestProxy> {
    const { targets, listenerIp: host = '127.0.0.1', ...settings } = options;
    const bench = await Workbench.make();
    const place = await bench.runner.place('reservation');
    const { ports } = await new PortPool(host, { kind: 'system' }).reserve(targets.length);
    const listeners = ports.map((port) => ({ host, port }));
    const streams = streamsOf(listeners, targets);
    return new TestProxy(kind, { ...usualSettings, ...settings, folder: place.seenAs, streams }, bench, place);
  }

  static async start(kind: ProxyKind, options: ProxyOptions): Promise<TestProxy> {
    const proxy = await TestProxy.place(kind, options);
    await proxy.configure();
    await proxy.start();
    return proxy;
  }

  get control(): ProxyControl {
    if (!this.#control) throw new Error('the proxy has not been started');
    return this.#control;
  }

  get running(): Running {
    if (!this.#running) throw new Error('the proxy has not been started');
    return this.#running;
  }

  get folder(): string {
    return this.#place.folder;
  }

  get addresses(): readonly string[] {
    return this.settings.streams.map(({ listener }) => formatEndpoint(listener));
  }

  get address(): string {
    return first(this.addresses);
  }

  get file(): string {
    return path.join(this.folder, this.kind.template.replace(/\.j2$/, ''));
  }

  /** Writes the files and lets the program check them. */
  configure(): Promise<void> {
    return this.#configuration().write(this.settings);
  }

  async start(): Promise<void> {
    await this.kind.prepare?.(this.#place);
    await this.#configuration().followed();
    this.#running = await this.#bench.start(this.#configuration().job);
    this.#control = this.#converse(false);
    const ready = this.#control.ready(AbortSignal.timeout(10_000));
    await Promise.race([ready, this.#running.ended.then((reason) => Promise.reject(new Error(reason)))]);
  }

  /** Another conversation with what runs, as an agent has that comes after this one. */
  adopt(): ProxyControl {
    return this.#converse(true);
  }

  #converse(adopted: boolean): ProxyControl {
    const { running, settings } = this;
    const { logger } = this.#bench.log;
    const control = this.kind.control({ place: this.#place, running, adopted, settings, logger });
    onTestFinished(() => control[Symbol.asyncDispose]());
    return control;
  }

  /** Points listener i at `targets[i]`. */
  async update(targets: readonly string[]): Promise<void> {
    await this.write(targets);
    await this.#configuration().apply(this.control, this.settings);
  }

  /** The half of an update after which an agent may crash. */
  async write(targets: readonly string[]): Promise<void> {
    const listeners = this.settings.streams.map(({ listener }) => listener);
    this.settings = { ...this.settings, streams: streamsOf(listeners, targets) };
    await this.configure();
  }

  configuration(): Promise<string> {
    return readFile(this.file, 'utf8');
  }

  /** Its lines without what is before and after their words. */
  async directives(): Promise<readonly string[]> {
    return (await this.configuration()).split('\n').map((line) => line.trim());
  }

  /** All its processes at once. */
  async crash(): Promise<void> {
    sendSignal(-(await mainPid(this.#configuration().job)), 'SIGKILL');
    await this.running.ended;
  }

  /** What it has printed. */
  get output(): string {
    return this.#bench.log.lines.map(({ msg }) => msg).join('\n');
  }

  /** What an agent that comes after this one has, pointed at `targets`. */
  async successor(targets: readonly string[], clock?: Clock): Promise<Forwarder> {
    const { workers, bufferSize, idleTimeoutMs } = this.settings;
    const { logger } = this.#bench.log;
    const usual = { portable: false, socketBuffer: 0, logger };
    const settings = { workers, bufferSize, idleTimeoutMs, ...usual };
    const forwarder = new ProxyForwarder(this.kind, this.#bench.runner, settings, this.#options(), clock);
    onTestFinished(() => forwarder[Symbol.asyncDispose]());
    await forwarder.update(targetsOf(targets));
    return forwarder;
  }

  #configuration(): Configuration {
    const { runner, log } = this.#bench;
    const [place, options] = [this.#place, this.#options()];
    return new Configuration({ kind: this.kind, runner, place, templateDir: undefined, options, logger: log.logger });
  }

  #options(): ForwarderOptions {
    const { wan, transport, protection, maxRate, streams } = this.settings;
    const listeners = streams.map(({ listener }) => listener);
    const role = wan === 'listener' ? 'PROD' : 'CONS';
    const { logger } = this.#bench.log;
    const { signal: released } = new AbortController();
    return { id: 'reservation', listeners, role, transport, protection, maxRate, released, logger };
  }
}

function streamsOf(listeners: readonly Endpoint[], targets: readonly string[]): ProxySettings['streams'] {
  const given = targetsOf(targets);
  return listeners.map((listener, index) => ({ listener, targets: given[index] ?? first(given) }));
}

/**
 * The lines of one of our templates, each as a pattern in which a value may be digits, an address or a path of ours: nothing that
 * could end a word or a line.
 */
export async function templateLines(kind: ProxyKind): Promise<readonly RegExp[]> {
  const text = await readFile(`src/data/engines/proxy/templates/${kind.template}`, 'utf8');
  const lines = text.split('\n').filter((line) => !/^\{%.*%\}$/.test(line.trim()));
  return lines.map((line) => {
    const parts = line.replace(/\{% if [^%]*%\}(.*?)\{% endif %\}/g, '{{ $1 }}').split(/\{\{.*?\}\}/);
    const fixed = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${fixed.join('(?:[\\w./:[\\]-]*| udp| so_keepalive=60s::| ipv6only=off)')}$`);
  });
}

export async function countersOf(control: ProxyControl): Promise<Counters> {
  return (await control.snapshot()).counters;
}

export async function connectionsOf(control: ProxyControl): Promise<readonly ConnectionInfo[]> {
  return (await control.snapshot()).connections;
}
