import type { Memory } from '../../../../platform/ffi/memory.js';

/**
 * How one side of a connection speaks: in plain bytes, in TLS. Calls never wait. They answer what they moved, or a negative
 * errno: EAGAIN when an event has to come first, anything else when the connection is broken.
 */
export interface Leg {
  readonly fd: number;
  /** Bytes on the descriptor are the payload itself, so that the kernel may move them without us. */
  readonly raw: boolean;
  /** The peer's end or a failure has been announced: reading must go on until it is found. */
  ended: boolean;
  /** Reading goes on with an event that the descriptor is writable. */
  readonly readNeedsWritable: boolean;
  /** Writing goes on with an event that the descriptor is readable. */
  readonly writeNeedsReadable: boolean;
  /** Positive when both sides know that they may speak. */
  handshake(): number;
  /** 0: the peer has ended. Fewer bytes than asked for: there are no more now. */
  read(into: Memory, offset: number, length: number): number;
  write(from: Memory, offset: number, length: number): number;
  /** Nothing more will be written for now: what waits for more is to leave. */
  flush(): void;
  /** Tells the peer that nothing more will come; 0 when it is said. */
  endWriting(): number;
  /** Frees what the leg has beside its descriptor. */
  dispose(): void;
  /** Why the last call failed, for the log. */
  readonly failure: string;
}
