import { formatEndpoint, parseEndpoint } from '../core/endpoint.js';
import { parseUid, type Role } from '../core/identity.js';
import { Control } from '../gen/scistream_pb.js';
import { connectServer, introduce, type ServerOptions } from '../platform/control-peer.js';

export interface HelloOptions {
  server: ServerOptions;
  uid: string;
  role: Role;
  /** Where the producer application listens, `host:port` each; a consumer has none. */
  addresses?: readonly string[] | undefined;
  /** Milliseconds to wait for the session's request (default 185 000). */
  waitMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface HelloReply {
  readonly message: string;
  /** Where a consumer connects, `ip:port` each; a producer is told none. */
  readonly listeners: readonly string[];
}

/** Says Hello for an application and waits until its session has been requested. */
export async function sayHello({
  server,
  uid,
  role,
  addresses = [],
  waitMs,
  signal,
}: HelloOptions): Promise<HelloReply> {
  using connection = connectServer(server);
  const prodListeners = addresses.map((address) => formatEndpoint(parseEndpoint(address)));
  const v1 = connection.client(Control);
  const hello = { uid: parseUid(uid), role, prodListeners };
  const { message, listeners } = await introduce(v1, hello, {
    waitMs,
    signal: signal ?? new AbortController().signal,
  });
  return { message, listeners };
}

/** Ends a session on behalf of its application. */
export async function releaseSession(server: ServerOptions, uid: string, signal?: AbortSignal): Promise<void> {
  using connection = connectServer(server);
  await connection.client(Control).release({ uid: parseUid(uid) }, signal ? { signal } : {});
}
