import type { Client } from '@connectrpc/connect';
import { parseEndpoint } from '../core/endpoint.js';
import { toSciStreamError } from '../core/errors.js';
import { until } from '../core/until.js';
import type { AppResponse, Control } from '../gen/scistream_pb.js';
import { RpcConnection } from './rpc-client.js';

/** Request and Hello wait for each other: upstream's servers for 180 s, and a little more for the way. */
export const usualHelloWaitMs = 185_000;

/** How a control server is reached. */
export interface ServerOptions {
  /** `host:port`. */
  readonly s2cs: string;
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string | undefined;
  /** `false`: without TLS, for a server that was started so. */
  readonly ssl?: boolean | undefined;
  /** Asked before every call; undefined sends none. */
  readonly token?: (() => Promise<string | undefined>) | undefined;
  /** Milliseconds one call may take (default 30 000). A request that waits for an application has its own time. */
  readonly timeoutMs?: number | undefined;
}

/** A connection to a control server. Throws BAD_FORMAT when its address is not host:port. */
export function connectServer({ s2cs, ca, ssl = true, token, timeoutMs = 30_000 }: ServerOptions): RpcConnection {
  const tls = ssl ? (ca === undefined ? {} : { ca }) : false;
  return new RpcConnection({ target: parseEndpoint(s2cs), tls, timeoutMs, ...(token ? { token } : {}) });
}

export interface Introduction {
  uid: string;
  role: string;
  /** Where the producer application listens, `host:port` each. */
  prodListeners: string[];
}

/**
 * Says Hello for an application. Our servers let a Hello wait for its request; a Python server refuses one that comes first
 * with an error that says no more, so it is said again until it is taken, the time is over or `signal` aborts.
 */
export function introduce(
  v1: Client<typeof Control>,
  hello: Introduction,
  { waitMs = usualHelloWaitMs, signal }: { waitMs?: number | undefined; signal: AbortSignal },
): Promise<AppResponse> {
  return until(
    'The Hello',
    waitMs,
    async () => {
      try {
        return await v1.hello(hello, { signal, timeoutMs: waitMs });
      } catch (error) {
        const { code } = toSciStreamError(error);
        if (code === 'SERVER_ERR' || code === 'INVALID_UID') return undefined;
        throw error;
      }
    },
    signal,
  );
}
