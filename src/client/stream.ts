import { formatEndpoint, parseEndpoint, parseEndpoints } from '../core/endpoint.js';
import { SciStreamError, toSciStreamError } from '../core/errors.js';
import { createUid, parseUid } from '../core/identity.js';
import type { Security, Transport } from '../core/protection.js';
import { Secret } from '../core/secret.js';
import { abandon, isAmbiguous } from './abandon.js';
import type { ServerOptions } from '../platform/control-peer.js';
import { ControlClient, type NewSession } from './control-client.js';
import type { SessionInfo } from './session-info.js';

/** 256 bits. */
const keyBytes = 32;

export interface StreamOptions {
  /** The control server beside the producer, as `host:port` or with how to reach it. */
  inbound: string | ServerOptions;
  /** The control server beside the consumer. */
  outbound: string | ServerOptions;
  /** Where the producer application listens, `host:port` each. */
  targets: readonly string[];
  /** Chosen at random when absent. */
  uid?: string | undefined;
  /** Listeners at each end; one per target when absent. */
  numConn?: number | undefined;
  /** Bytes per second for the whole stream. */
  maxRate?: number | undefined;
  /** How the leg between the facilities is protected; absent: as the facility that demands more. */
  security?: Security | undefined;
  /** tcp when absent. */
  transport?: Transport | undefined;
  lifetimeMs?: number | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
  /** Ports wanted for the consumer's side. */
  preferredPorts?: readonly number[] | undefined;
  signal?: AbortSignal | undefined;
}

/** A stream from a producer application through two facilities to where the consumer connects. */
export interface Stream extends AsyncDisposable {
  readonly uid: string;
  /** The end beside the producer. */
  readonly inbound: SessionInfo;
  /** The end beside the consumer. */
  readonly outbound: SessionInfo;
  /** Where the consumer application connects, `ip:port` each. */
  readonly connect: readonly string[];
  /** Ends both sides; also what disposing does. */
  release(signal?: AbortSignal): Promise<void>;
}

/**
 * Sets up both ends of a stream, with a random key that only they get. When one of them fails, or `signal` aborts half-way, the
 * other is released before the error is thrown.
 */
export async function openStream(options: StreamOptions): Promise<Stream> {
  const [from, to] = [serverOptions(options.inbound), serverOptions(options.outbound)];
  if (formatEndpoint(parseEndpoint(from.s2cs)) === formatEndpoint(parseEndpoint(to.s2cs))) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `Both ends of the stream are ${from.s2cs}; a stream runs between two control servers.`,
    );
  }
  const wanted = {
    ...options,
    uid: options.uid === undefined ? createUid() : parseUid(options.uid),
    targets: parseEndpoints(options.targets).map(formatEndpoint),
    key: options.security === 'none' ? undefined : Secret.random(keyBytes),
  };
  using producerSide = new ControlClient(from);
  using consumerSide = new ControlClient(to);
  const { inbound, outbound } = await openEnds(producerSide, consumerSide, wanted);
  const { uid } = wanted;
  const release = (stop?: AbortSignal) => ensureReleased(uid, [from, to], stop);
  return { uid, inbound, outbound, connect: outbound.listeners, release, [Symbol.asyncDispose]: () => release() };
}

type WantedStream = StreamOptions & { uid: string; key: Secret | undefined };

interface Ends {
  inbound: SessionInfo;
  outbound: SessionInfo;
}

/** What the first facility demands is asked of the second; what only the second demands is then asked of both. */
async function openEnds(producerSide: ControlClient, consumerSide: ControlClient, wanted: WantedStream): Promise<Ends> {
  const { signal, preferredPorts, numConn, targets, uid, maxRate, lifetimeMs, labels, key, transport } = wanted;
  const common = { uid, maxRate, lifetimeMs, labels, key, transport };
  const producer = { ...common, role: 'PROD', targets, numConn, security: wanted.security } as const;
  const inbound = await create(producerSide, producer, signal);
  try {
    const security = wanted.security ?? (inbound.security === 'tls-psk' ? 'tls-psk' : undefined);
    const consumer = { ...common, role: 'CONS', targets: inbound.listeners, preferredPorts, security } as const;
    const outbound = await create(consumerSide, consumer, signal);
    if (outbound.security === inbound.security || wanted.security !== undefined) return { inbound, outbound };
  } catch (error) {
    await abandon(producerSide, { uid });
    throw error;
  }
  await Promise.all([abandon(producerSide, { uid }), abandon(consumerSide, { uid })]);
  return openEnds(producerSide, consumerSide, { ...wanted, security: 'tls-psk' });
}

/**
 * Ends a stream at every one of its control servers. An end that is gone already is no failure as long as one was there; when
 * none was, INVALID_UID. Any other failure is thrown once all have been asked.
 */
export async function releaseStream(
  uid: string,
  servers: readonly ServerOptions[],
  signal?: AbortSignal,
): Promise<void> {
  const outcomes = await Promise.allSettled(
    servers.map(async (server) => {
      using client = new ControlClient(server);
      await client.releaseSession(uid, signal);
    }),
  );
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [toSciStreamError(outcome.reason)] : [],
  );
  const [failure = failures.length === outcomes.length ? failures[0] : undefined] = failures.filter(
    ({ code }) => code !== 'INVALID_UID',
  );
  if (failure) throw failure;
}

/** The same for who only wants the stream to be gone. */
async function ensureReleased(uid: string, servers: readonly ServerOptions[], signal?: AbortSignal): Promise<void> {
  try {
    await releaseStream(uid, servers, signal);
  } catch (error) {
    if (toSciStreamError(error).code !== 'INVALID_UID') throw error;
  }
}

async function create(
  client: ControlClient,
  wanted: NewSession & { uid: string },
  signal: AbortSignal | undefined,
): Promise<SessionInfo> {
  const requestId = createUid();
  try {
    return await client.createSession({ ...wanted, requestId }, signal);
  } catch (error) {
    if (isAmbiguous(error)) await abandon(client, { uid: wanted.uid, requestId });
    throw error;
  }
}

function serverOptions(server: string | ServerOptions): ServerOptions {
  return typeof server === 'string' ? { s2cs: server } : server;
}
