import type { Endpoint } from '../../../../core/endpoint.js';
import type { Crew } from './handover.js';

/** What the agent's thread asks of a loop. Descriptors belong to the process, so any thread may use them. */
export type Command =
  | OpenCommand
  | { readonly kind: 'point'; readonly forwarder: number; readonly targets: readonly (readonly Endpoint[])[] }
  /** The rate in the shared budget has changed. */
  | { readonly kind: 'limit'; readonly forwarder: number }
  | { readonly kind: 'close'; readonly forwarder: number }
  | { readonly kind: 'stop' };

export interface OpenCommand {
  readonly kind: 'open';
  /** Above 0, unique in the process. */
  readonly forwarder: number;
  readonly transport: 'tcp' | 'udp';
  /** Descriptors that listen; a loop that does not serve one of UDP is given -1 in its place. */
  readonly listeners: readonly number[];
  /** One list for each listener, IP addresses only. */
  readonly targets: readonly (readonly Endpoint[])[];
  /** Which leg runs between the facilities. */
  readonly wan: 'listener' | 'target';
  /** Of that leg; absent: plain. */
  readonly key?: Uint8Array;
  readonly counters: SharedArrayBuffer;
  readonly budget: SharedArrayBuffer;
  readonly turns: SharedArrayBuffer;
}

/** What went wrong with connections of a forwarder: the first of a burst, and how many more there were. */
export interface Trouble {
  readonly kind: 'trouble';
  readonly forwarder: number;
  readonly what: 'target not reached' | 'handshake failed' | 'connection not accepted' | 'datagrams dropped';
  readonly detail: string;
  /** Like it since the last report. */
  readonly times: number;
}

/** What a loop tells the agent's thread. */
export type Report =
  | { readonly kind: 'ready' }
  /** An `open` or a `close` was carried out, or could not be. */
  | { readonly kind: 'done'; readonly forwarder: number; readonly failure?: string }
  | Trouble
  | { readonly kind: 'defect'; readonly detail: string };

/** What a loop's thread starts with. */
export interface WorkerOptions {
  readonly index: number;
  readonly crew: Crew;
  readonly table: SharedArrayBuffer;
  readonly bufferBytes: number;
  readonly socketBuffer: number;
  readonly idleTimeoutMs: number;
  readonly debugMemory: boolean;
}
