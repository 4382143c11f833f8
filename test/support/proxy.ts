import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { formatEndpoint } from '../../src/core/endpoint.js';
import { SciStreamError } from '../../src/core/errors.js';
import { until } from '../../src/core/until.js';
import type { ProxyControl, ProxyKind, ProxySettings } from '../../src/data/engines/proxy/proxy.js';
import { render } from '../../src/data/engines/proxy/template.js';
import type { Running } from '../../src/data/runners/runner.js';
import { PortPool } from '../../src/data/ports.js';
import { loggerTo, targetsOf } from './engine.js';
import { Program } from './program.js';
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
  legacyPeer: false,
} satisfies Omit<ProxySettings, 'folder' | 'streams'>;

/** A proxy whose program runs in a folder of its own; both are gone after the test. */
export class TestProxy {
  readonly kind: ProxyKind;
  settings: ProxySettings;
  running: RunningProgram | undefined;
  #control: ProxyControl | undefined;

  private constructor(kind: ProxyKind, settings: ProxySettings) {
    this.kind = kind;
    this.settings = settings;
  }

  /** In its folder, not configured yet. */
  static async place(kind: ProxyKind, options: ProxyOptions): Promise<TestProxy> {
    const { targets, listenerIp: host = '127.0.0.1', ...settings } = options;
    const folder = await mkdtemp(path.join(tmpdir(), 'scistream-proxy-'));
    const { ports } = await new PortPool(host, { kind: 'system' }).reserve(targets.length);
    const given = targetsOf(targets);
    const streams = ports.map((port, index) => ({ listener: { host, port }, targets: given[index] ?? first(given) }));
    const proxy = new TestProxy(kind, { ...usualSettings, ...settings, folder, streams });
    onTestFinished(async () => {
      await proxy.running?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });
    return proxy;
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

  get addresses(): readonly string[] {
    return this.settings.streams.map(({ listener }) => formatEndpoint(listener));
  }

  get address(): string {
    return first(this.addresses);
  }

  get file(): string {
    return path.join(this.settings.folder, this.kind.template.replace(/\.j2$/, ''));
  }

  /** Writes the configuration and lets the program check it; answers what it prints. */
  async configure(): Promise<string> {
    await writeFile(this.file, await render(this.kind.template, this.kind.values(this.settings), undefined));
    const [command] = this.kind.program.commands;
    const args = this.kind.checkArguments?.(this.file, this.settings.folder) ?? [];
    const { code, stdout, stderr } = await new Program(command, args).finished;
    if (code !== 0) throw new Error(`${this.kind.program.name} refuses its configuration: ${stdout}${stderr}`);
    return stdout + stderr;
  }

  async start(): Promise<void> {
    const { folder } = this.settings;
    await this.kind.prepare?.({ folder, seenAs: folder });
    this.running = new RunningProgram(this.kind.program.commands[0], this.kind.arguments(this.file, folder));
    this.#control = this.adopt();
    const ready = this.control.ready(AbortSignal.timeout(10_000));
    await Promise.race([ready, this.running.ended.then((reason) => Promise.reject(new Error(reason)))]);
  }

  /** Another conversation with what runs. */
  adopt(): ProxyControl {
    const { folder } = this.settings;
    const { running, settings } = this;
    if (!running) throw new Error('the proxy has not been started');
    const control = this.kind.control({ place: { folder, seenAs: folder }, running, settings, logger: loggerTo([]) });
    onTestFinished(() => control[Symbol.asyncDispose]());
    return control;
  }

  /** Points listener i at `targets[i]`. */
  async update(targets: readonly string[]): Promise<void> {
    const given = targetsOf(targets);
    const streams = this.settings.streams.map(({ listener }, index) => ({
      listener,
      targets: given[index] ?? first(given),
    }));
    this.settings = { ...this.settings, streams };
    await this.configure();
    await this.control.apply(this.settings);
  }

  configuration(): Promise<string> {
    return readFile(this.file, 'utf8');
  }
}

/** A program with its children in a process group of their own. */
class RunningProgram implements Running {
  readonly ended: Promise<string>;
  output = '';
  readonly #child;
  readonly #closed: Promise<unknown>;
  #disposed = false;

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    this.#closed = once(this.#child, 'close');
    this.ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        if (!this.#disposed) resolve(this.output);
      });
    });
  }

  signal(name: NodeJS.Signals): Promise<void> {
    const sent = this.#child.kill(name);
    return sent ? Promise.resolve() : Promise.reject(new SciStreamError('SERVER_ERR', 'it is gone'));
  }

  /** All its processes at once, as a crash would. */
  async crash(): Promise<void> {
    this.#toGroup('SIGKILL');
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#toGroup('SIGTERM');
    try {
      await until('its end', 5_000, () => !this.#toGroup(0));
    } catch {
      this.#toGroup('SIGKILL');
    }
    await this.#closed;
  }

  /** False when there is none of it any more. */
  #toGroup(signal: NodeJS.Signals | 0): boolean {
    const { pid } = this.#child;
    if (pid === undefined) return false;
    try {
      return process.kill(-pid, signal);
    } catch {
      return false;
    }
  }
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
