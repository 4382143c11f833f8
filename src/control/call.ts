import type { HandlerContext } from '@connectrpc/connect';
import { tokenOf, type Principal } from '../auth/verifier.js';
import { localAddress } from '../platform/rpc-server.js';
import type { Facility } from './facility.js';

/** One call, its caller known. */
export interface Call {
  readonly caller: Principal;
  /** Deadline, the caller gone, or the server stopping. */
  readonly signal: AbortSignal;
  /** Our own address on the caller's connection; empty where there is none. */
  readonly reachedAt: string;
}

/** What answers one RPC. */
export type Route<I, O> = (facility: Facility, request: I, call: Call) => Promise<O>;

/** What answers one RPC with many messages. */
export type StreamRoute<I, O> = (facility: Facility, request: I, call: Call) => AsyncIterable<O>;

/** Authenticates first, on every RPC: whoever is not known learns nothing, not even whether a uid exists. */
export function authenticated<I, O>(facility: Facility, route: Route<I, O>) {
  return async (request: I, context: HandlerContext): Promise<O> =>
    route(facility, request, await identify(facility, context));
}

/** The same for an RPC that answers with many messages. */
export function authenticatedStream<I, O>(facility: Facility, route: StreamRoute<I, O>) {
  return async function* (request: I, context: HandlerContext): AsyncGenerator<O> {
    yield* route(facility, request, await identify(facility, context));
  };
}

async function identify({ verifier }: Facility, context: HandlerContext): Promise<Call> {
  const caller = await verifier.verify(tokenOf(context.requestHeader.get('authorization')));
  const reachedAt = context.values.get(localAddress).replace(/^::ffff:/, '');
  return { caller, signal: context.signal, reachedAt };
}
