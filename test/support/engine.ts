import { randomBytes, randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { formatEndpoint, parseEndpoints } from '../../src/core/endpoint.js';
import type { Protection } from '../../src/core/protection.js';
import { Secret } from '../../src/core/secret.js';
import type { Engine, EngineSettings, Forwarder, ForwarderOptions, Targets } from '../../src/data/engines/engine.js';
import { relay } from '../../src/data/engines/relay/engine.js';
import { PortPool } from '../../src/data/ports.js';
import { first } from './v1.js';

/** An implementation of the relay; what holds for one holds for all, except what is declared here. */
export interface Variant {
  readonly name: string;
  readonly portable: boolean;
  /** Whether it reports retransmits and round trips of the leg between the facilities. */
  readonly knowsPath: boolean;
}

export const fast: Variant = { name: 'the relay', portable: false, knowsPath: true };

export const variants: readonly Variant[] = [{ name: 'the portable relay', portable: true, knowsPath: false }, fast];

export const noKey: Protection = { kind: 'none' };

export interface ForwardOptions extends Partial<Omit<ForwarderOptions, 'listeners' | 'logger'>> {
  /** One entry per listener; the targets of one are separated by commas. */
  readonly targets: readonly string[];
  readonly listenerIp?: string;
  readonly settings?: Partial<EngineSettings>;
  /** Used instead of one of its own. */
  readonly engine?: Engine;
  /** Lines of the log are added here. */
  readonly log?: string[];
}

export interface Opened {
  readonly engine: Engine;
  readonly forwarder: Forwarder;
  /** Where the listeners are. */
  readonly addresses: readonly string[];
  /** The first of them. */
  readonly address: string;
}

/** An engine that ends with the test. */
export async function startEngine({ portable }: Variant, settings: Partial<EngineSettings> = {}): Promise<Engine> {
  const usual = { workers: 2, bufferSize: 1 << 20, socketBuffer: 0, idleTimeoutMs: 0, logger: loggerTo([]) };
  const engine = await relay.start({ ...usual, portable, ...settings });
  onTestFinished(() => engine[Symbol.asyncDispose]());
  return engine;
}

/** A forwarder that listens and ends with the test: PROD, TCP, without key or limit unless `options` say otherwise. */
export async function forward(variant: Variant, options: ForwardOptions): Promise<Opened> {
  const engine = options.engine ?? (await startEngine(variant, options.settings));
  const { forwarder, addresses } = await createForwarder(engine, options);
  await forwarder.update(targetsOf(options.targets));
  return { engine, forwarder, addresses, address: first(addresses) };
}

/** The same before its first update. */
export async function createForwarder(
  engine: Engine,
  { targets, listenerIp: host = '127.0.0.1', log = [], ...options }: ForwardOptions,
): Promise<{ forwarder: Forwarder; addresses: readonly string[] }> {
  const { ports } = await new PortPool(host, { kind: 'system' }).reserve(targets.length);
  const listeners = ports.map((port) => ({ host, port }));
  const { role = 'PROD', transport = 'tcp', protection = noKey, maxRate = 0 } = options;
  const logger = loggerTo(log);
  const { signal: released } = new AbortController();
  const forwarder = engine.create({
    id: randomUUID(),
    listeners,
    role,
    transport,
    protection,
    maxRate,
    released,
    logger,
  });
  onTestFinished(() => forwarder[Symbol.asyncDispose]());
  return { forwarder, addresses: listeners.map(formatEndpoint) };
}

export function targetsOf(targets: readonly string[]): readonly Targets[] {
  return targets.map((some) => parseEndpoints(some));
}

export function psk(bytes: Uint8Array = randomBytes(32)): Protection {
  return { kind: 'tls-psk', key: new Secret(bytes) };
}

export function pskOnly(bytes: Uint8Array = randomBytes(32)): Protection {
  return { kind: 'psk-only', key: new Secret(bytes) };
}

/** Two gateways with the same key: what enters at `address` crosses the leg between them encrypted. */
export async function twoGateways(
  variant: Variant,
  options: ForwardOptions & { protection: Protection },
): Promise<{ producer: Opened; consumer: Opened; address: string }> {
  const producer = await forward(variant, { ...options, role: 'PROD' });
  const consumer = await forward(variant, { ...options, role: 'CONS', targets: producer.addresses });
  return { producer, consumer, address: consumer.address };
}

/** A logger of all levels that adds its lines there. */
export function loggerTo(lines: string[]) {
  const stream = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(line.toString());
      done();
    },
  });
  return pino({ level: 'debug' }, stream);
}

/** For a program that cannot be told to take one from the system. */
export async function freePort(): Promise<number> {
  return first((await new PortPool('127.0.0.1', { kind: 'system' }).reserve(1)).ports);
}
