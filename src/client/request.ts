import { formatEndpoint, parseEndpoints } from '../core/endpoint.js';
import { SciStreamError, toSciStreamError } from '../core/errors.js';
import { createUid, parseUid, type Role } from '../core/identity.js';
import type { Security, Transport } from '../core/protection.js';
import type { Secret } from '../core/secret.js';
import type { Response } from '../gen/scistream_pb.js';
import { introduce, usualHelloWaitMs } from '../platform/control-peer.js';
import { abandon, isAmbiguous } from './abandon.js';
import type { ControlClient } from './control-client.js';
import { protectionFields } from './protection-fields.js';
import type { SessionInfo } from './session-info.js';

/** A request of protocol version 1, which Python servers understand too. */
export interface RequestOptions {
  /** Chosen at random when absent. */
  uid?: string | undefined;
  /** The given uid was just made at random: whatever has it is this request's. */
  fresh?: boolean | undefined;
  role: Role;
  /** Number of listeners. */
  numConn: number;
  /** The application's addresses, said in a Hello for it; absent: an application controller will say it. */
  application?: readonly string[] | undefined;
  /** Where the listeners are to point; absent: at the application. */
  targets?: readonly string[] | undefined;
  /** How the leg between the facilities is protected; absent: as the facility demands. */
  security?: Security | undefined;
  /** The key that both ends of the stream share, 16 to 64 random bytes; needed for tls-psk. */
  key?: Secret | Uint8Array | undefined;
  /** tcp when absent. */
  transport?: Transport | undefined;
  /** kB/s, v1's field, which a Python server notes and does not enforce. */
  rate?: number | undefined;
  /** Bytes per second; the data server keeps to it. */
  maxRate?: number | undefined;
  preferredPorts?: readonly number[] | undefined;
  listenerIp?: string | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
  lifetimeMs?: number | undefined;
  /** Milliseconds that request and Hello may wait for each other (default 185 000). */
  waitMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Reserves listeners, says Hello for the application unless a controller does, and points the listeners at their targets.
 * A failure or an abort on the way ends every call in flight and releases what was reserved.
 */
export async function requestSession(client: ControlClient, options: RequestOptions): Promise<SessionInfo> {
  const uid = options.uid === undefined ? createUid() : parseUid(options.uid);
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  let reserved = false;
  if (needsVersion2(options)) await client.getFacility(signal);
  try {
    const answer = reserve(client, uid, options, signal);
    const [response] = await Promise.all([answer, sayHello(client, uid, options, answer, signal)]);
    reserved = true;
    if (response.listeners.length === 0) {
      throw new SciStreamError('NO_RESOURCE', `${client.address} gave no listeners; its ports may be exhausted.`);
    }
    const targets = parseEndpoints(options.targets ?? response.prodListeners).map(formatEndpoint);
    const updated = await client.v1.update({ uid, remoteListeners: targets, role: options.role }, { signal });
    return await describe(client, uid, options, { ...response, prodListeners: updated.prodListeners, targets }, signal);
  } catch (error) {
    stop.abort(toSciStreamError(error));
    // A uid that was given may be somebody else's live session; our servers free what a lost call had opened by themselves.
    if (reserved || (isAmbiguous(error) && (options.uid === undefined || options.fresh)))
      await abandon(client, { uid });
    throw error;
  }
}

/** A version 1 server would take these and never honor them. */
function needsVersion2({ maxRate, lifetimeMs, security, key, transport }: RequestOptions): boolean {
  return [maxRate, lifetimeMs, security, key, transport].some((option) => option !== undefined);
}

function reserve(client: ControlClient, uid: string, options: RequestOptions, signal: AbortSignal): Promise<Response> {
  const message = {
    uid,
    role: options.role,
    numConn: options.numConn,
    // Python clients send one unasked, which a server may be told to enforce: ours asks for what it is asked for.
    rate: options.rate ?? 0,
    maxRate: BigInt(options.maxRate ?? 0),
    preferredPorts: [...(options.preferredPorts ?? [])],
    listenerIp: options.listenerIp ?? '',
    labels: { ...options.labels },
    lifetimeSeconds: BigInt(Math.ceil((options.lifetimeMs ?? 0) / 1000)),
    ...protectionFields(options),
  };
  return client.v1.req(message, { signal, timeoutMs: options.waitMs ?? usualHelloWaitMs });
}

/** Says Hello for the application until it is taken or the request is over, whose failure its own awaiter reports. */
async function sayHello(
  client: ControlClient,
  uid: string,
  { application, waitMs }: RequestOptions,
  answer: Promise<Response>,
  signal: AbortSignal,
): Promise<void> {
  if (!application) return;
  const over = new AbortController();
  const end = (): void => {
    over.abort();
  };
  answer.then(end, end);
  // Python clients say PROD for both roles.
  const hello = { uid, role: 'PROD', prodListeners: parseEndpoints(application).map(formatEndpoint) };
  try {
    await introduce(client.v1, hello, { waitMs, signal: AbortSignal.any([signal, over.signal]) });
  } catch (error) {
    if (!over.signal.aborted) throw error;
  }
}

/** What our servers tell by version 2; for a Python server, what version 1 lets us know. */
async function describe(
  client: ControlClient,
  uid: string,
  { role, labels = {}, maxRate = 0 }: RequestOptions,
  { listeners, prodListeners, targets }: { listeners: string[]; prodListeners: string[]; targets: string[] },
  signal: AbortSignal,
): Promise<SessionInfo> {
  try {
    return await client.getSession(uid, signal);
  } catch (error) {
    if (toSciStreamError(error).code !== 'NOT_IMPLEMENTED') throw error;
    return {
      uid,
      role,
      s2cs: client.address,
      state: 'active',
      listeners,
      targets: prodListeners.length > 0 ? prodListeners : targets,
      security: '',
      transport: '',
      owner: '',
      labels,
      engine: '',
      gateway: '',
      maxRate: BigInt(maxRate),
      traffic: {},
    };
  }
}
