import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import { formatEndpoint, parseEndpoint } from '../core/endpoint.js';
import { SciStreamError, toSciStreamError } from '../core/errors.js';
import type { Role } from '../core/identity.js';
import type { Security, Transport } from '../core/protection.js';
import type { Secret } from '../core/secret.js';
import { ControlService, type GetFacilityResponse, type Session } from '../gen/scistream/control/v2/control_pb.js';
import { Control } from '../gen/scistream_pb.js';
import { connectServer, type ServerOptions } from '../platform/control-peer.js';
import type { RpcConnection } from '../platform/rpc-client.js';
import { protectionFields } from './protection-fields.js';
import { sessionInfo, type SessionInfo } from './session-info.js';
import { watch, type WatchEvent, type WatchOptions } from './watch.js';

export interface NewSession {
  /** Chosen by the server when absent. */
  readonly uid?: string | undefined;
  readonly role: Role;
  /** `host:port` each. */
  readonly targets: readonly string[];
  /** Number of listeners; one per target when absent. */
  readonly numConn?: number | undefined;
  /** Bytes per second; the data server keeps to it. */
  readonly maxRate?: number | undefined;
  readonly lifetimeMs?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** How the leg between the facilities is protected; absent: as the facility demands. */
  readonly security?: Security | undefined;
  /** The key that both ends of the stream share, 16 to 64 random bytes; needed for tls-psk. */
  readonly key?: Secret | Uint8Array | undefined;
  /** tcp when absent. */
  readonly transport?: Transport | undefined;
  /** Repeating a call with the same id answers the session the first one opened. */
  readonly requestId?: string | undefined;
  readonly preferredPorts?: readonly number[] | undefined;
  /** Address at which the listeners are wanted. */
  readonly listenerIp?: string | undefined;
}

/** What is to become different about a session; what is absent stays as it is. */
export interface SessionUpdate {
  /** Where new connections go, `host:port` each. */
  readonly targets?: readonly string[] | undefined;
  /** Bytes per second for all its connections, open ones too; 0 for no limit. */
  readonly maxRate?: number | undefined;
  /** Counted from now. */
  readonly lifetimeMs?: number | undefined;
}

/** The session that one request has opened, and no other with its uid. */
export interface SessionOfRequest {
  readonly uid: string;
  readonly requestId?: string;
}

/** One control server, by both protocol versions. Every failure is a SciStreamError; every call takes a signal. */
export class ControlClient implements Disposable {
  /** `host:port`, as given. */
  readonly address: string;
  /** Version 1, message for message: what Python servers understand too. */
  readonly v1: Client<typeof Control>;
  readonly #v2: Client<typeof ControlService>;
  readonly #connection: RpcConnection;

  constructor(server: ServerOptions) {
    this.address = formatEndpoint(parseEndpoint(server.s2cs));
    this.#connection = connectServer(server);
    this.v1 = this.#connection.client(Control);
    this.#v2 = this.#connection.client(ControlService);
  }

  /** Opens a session and points it at its targets. */
  async createSession(wanted: NewSession, signal?: AbortSignal): Promise<SessionInfo> {
    const message = {
      uid: wanted.uid ?? '',
      role: wanted.role,
      targets: [...wanted.targets],
      numConn: whole('numConn', wanted.numConn),
      maxRate: BigInt(whole('maxRate', wanted.maxRate)),
      ...(wanted.lifetimeMs === undefined ? {} : { lifetime: durationFromMs(wanted.lifetimeMs) }),
      labels: { ...wanted.labels },
      requestId: wanted.requestId ?? '',
      preferredPorts: [...(wanted.preferredPorts ?? [])],
      listenerIp: wanted.listenerIp ?? '',
      ...protectionFields(wanted),
    };
    return this.#describe(await this.#v2.createSession(message, options(signal)));
  }

  /** Throws INVALID_UID when the caller has no such session. */
  async getSession(uid: string, signal?: AbortSignal): Promise<SessionInfo> {
    return this.#describe(await this.#v2.getSession({ uid }, options(signal)));
  }

  /** The caller's live sessions, those with all of `labels` only. */
  async listSessions(labels: Readonly<Record<string, string>> = {}, signal?: AbortSignal): Promise<SessionInfo[]> {
    const { sessions } = await this.#v2.listSessions({ labels: { ...labels } }, options(signal));
    return sessions.map((session) => sessionInfo(session, this.address));
  }

  /** Gives a live session other targets, another rate or another end. */
  async updateSession(
    uid: string,
    { targets = [], maxRate, lifetimeMs }: SessionUpdate,
    signal?: AbortSignal,
  ): Promise<SessionInfo> {
    const message = {
      uid,
      targets: [...targets],
      ...(maxRate === undefined ? {} : { maxRate: BigInt(whole('maxRate', maxRate)) }),
      ...(lifetimeMs === undefined ? {} : { lifetime: durationFromMs(lifetimeMs) }),
    };
    return this.#describe(await this.#v2.updateSession(message, options(signal)));
  }

  /**
   * What happens to the caller's sessions: first those there are, then every change, and their traffic once a second. Ends
   * when the reader stops, when `signal` aborts (with its reason), or with the one session that was asked for; throws
   * UNAVAILABLE when the server stops.
   */
  watchSessions(wanted: WatchOptions = {}, signal?: AbortSignal): AsyncGenerator<WatchEvent> {
    return watch(this.#v2, this.address, wanted, signal);
  }

  /**
   * Ends a session, given by its uid, or only if a certain request has opened it; what comes back is its last state. A version 1
   * server is asked in version 1.
   */
  async releaseSession(session: string | SessionOfRequest, signal?: AbortSignal): Promise<SessionInfo | undefined> {
    const { uid, requestId = '' } = typeof session === 'string' ? { uid: session } : session;
    try {
      return this.#describe(await this.#v2.releaseSession({ uid, requestId }, options(signal)));
    } catch (error) {
      if (toSciStreamError(error).code !== 'NOT_IMPLEMENTED') throw error;
      await this.v1.release({ uid }, options(signal));
      return undefined;
    }
  }

  /** Version, data server types, ports and limits of the facility. */
  getFacility(signal?: AbortSignal): Promise<GetFacilityResponse> {
    return this.#v2.getFacility({}, options(signal));
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  #describe({ session }: { session?: Session | undefined }): SessionInfo {
    if (!session) throw new SciStreamError('SERVER_ERR', `${this.address} answered without a session.`);
    return sessionInfo(session, this.address);
  }
}

/** 0 for what was left out. Throws BAD_FORMAT for a fraction. */
function whole(name: string, value = 0): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new SciStreamError('BAD_FORMAT', `${name} ${value} must be a whole number from 0 on.`);
  }
  return value;
}

function options(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
