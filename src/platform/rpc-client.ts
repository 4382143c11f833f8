import type http2 from 'node:http2';
import net from 'node:net';
import { createClient, type Client, type Interceptor, type Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import type { DescService } from '@bufbuild/protobuf';
import { formatEndpoint, type Endpoint } from '../core/endpoint.js';
import { abortReason } from '../core/deferred.js';
import { SciStreamError } from '../core/errors.js';
import { formatDuration } from '../core/quantity.js';
import { fromConnectError, translated } from './rpc-errors.js';

/**
 * Without calls that end by themselves, as a watch, nobody would notice that a server has vanished. Servers made with gRPC's own
 * libraries, as Python ones are, end a connection on the third ping too many: more than one in five minutes while they are
 * silent. Of this interval there are never so many while a call waits for an application, which takes three minutes at most.
 */
const pingMs = 75_000;
/** gRPC writes it as at most eight digits of milliseconds, and a server that has the time to wait for more has none to answer. */
const longestCallMs = 24 * 3_600_000;

/** A list of a hundred thousand sessions. */
const largestMessage = 256 << 20;

export interface RpcClientOptions {
  /** A server's address, or the path of its Unix socket. */
  target: Endpoint | { path: string };
  /** PEM certificates to trust instead of the system's; `false` speaks HTTP/2 without TLS. */
  tls?: { ca?: string } | false;
  /** Asked before every call; the token travels bare in the `authorization` metadata. */
  token?: () => Promise<string | undefined>;
  /** Milliseconds a call may take when its own options do not say; at most a day. */
  timeoutMs: number;
  /** A server of another machine is asked whether it is there still after so many milliseconds of silence during a call. */
  pingIntervalMs?: number;
  /** It has vanished when it does not answer that for so long. */
  pingTimeoutMs?: number;
}

/** One connection to a server, opened with the first call; every failure surfaces as a SciStreamError. */
export class RpcConnection implements Disposable {
  readonly #manager: Http2SessionManager;
  readonly #transport: Transport;

  constructor(options: RpcClientOptions) {
    const { target, tls, token, timeoutMs, pingIntervalMs = pingMs, pingTimeoutMs = 15_000 } = options;
    const local = 'path' in target;
    const peer = local ? target.path : formatEndpoint(target);
    const url = local ? 'http://localhost' : `${tls === false ? 'http' : 'https'}://${peer}`;
    const sessionOptions: http2.ClientSessionOptions | http2.SecureClientSessionOptions = local
      ? { createConnection: () => net.connect(target.path) }
      : tls && tls.ca !== undefined
        ? { ca: tls.ca }
        : {};
    this.#manager = new SessionManager(url, local ? {} : { pingIntervalMs, pingTimeoutMs }, sessionOptions);
    const transport = createGrpcTransport({
      baseUrl: url,
      sessionManager: this.#manager,
      readMaxBytes: largestMessage,
      interceptors: token ? [sendToken(token)] : [],
    });
    this.#transport = understandErrors(transport, peer, timeoutMs);
  }

  client<S extends DescService>(service: S): Client<S> {
    return createClient(service, this.#transport);
  }

  [Symbol.dispose](): void {
    this.#manager.abort();
  }
}

/**
 * A connection can report an error after its last call has failed (a peer that answers in HTTP/1 and hangs up), when the
 * manager listens no more; without a listener that would end the process.
 */
class SessionManager extends Http2SessionManager {
  readonly #heard = new WeakSet<http2.Http2Session>();

  override async request(...call: Parameters<Http2SessionManager['request']>): Promise<http2.ClientHttp2Stream> {
    const stream = await super.request(...call);
    const { session } = stream;
    if (session && !this.#heard.has(session)) {
      this.#heard.add(session);
      session.on('error', () => undefined); // its calls have failed with the same error
    }
    return stream;
  }
}

/** Every failure as a SciStreamError. Interceptors cannot do this: what they throw is wrapped again. */
export function understandErrors(transport: Transport, peer: string, usualTimeoutMs: number): Transport {
  const understand = (error: unknown, signal: AbortSignal | undefined): SciStreamError => {
    // The caller's own reason says more than "canceled".
    return signal?.aborted ? abortReason(signal) : fromConnectError(error, peer);
  };
  return {
    async unary(method, signal, timeoutMs = usualTimeoutMs, ...rest) {
      assertTimeout(timeoutMs);
      try {
        return await transport.unary(method, signal, timeoutMs, ...rest);
      } catch (error) {
        throw understand(error, signal);
      }
    },
    async stream(method, signal, timeoutMs = usualTimeoutMs, ...rest) {
      assertTimeout(timeoutMs);
      try {
        const response = await transport.stream(method, signal, timeoutMs, ...rest);
        return { ...response, message: translated(response.message, (error) => understand(error, signal)) };
      } catch (error) {
        throw understand(error, signal);
      }
    },
  };
}

function assertTimeout(ms: number): void {
  if (ms <= longestCallMs) return;
  throw new SciStreamError(
    'BAD_FORMAT',
    `A call may take at most ${formatDuration(longestCallMs)}, not ${formatDuration(ms)}; give it less time.`,
  );
}

function sendToken(token: () => Promise<string | undefined>): Interceptor {
  return (next) => async (request) => {
    const value = await token();
    if (value !== undefined) request.header.set('authorization', value);
    return next(request);
  };
}
