import type { Endpoint } from '../../../../core/endpoint.js';
import { SocketAddress } from '../../../../platform/ffi/socket-address.js';
import type { ConnectionInfo } from '../../engine.js';

/** Connections beyond these are forwarded and counted as others are, only not listed one by one. */
const rows = 16_384;
const rowCells = 14;
const rowBytes = rowCells * Float64Array.BYTES_PER_ELEMENT;
const cell = { forwarder: 0, listener: 1, bytesIn: 2, bytesOut: 3, retransmits: 4, rttUs: 5 } as const;
/** Byte offsets of two addresses as the kernel writes them; all zero: none yet. */
const address = { client: 48, target: 80 } as const;

/** Open connections of one loop in memory that all threads see: written by the loop, read by anybody. */
export function newConnectionTable(): SharedArrayBuffer {
  return new SharedArrayBuffer(rows * rowBytes);
}

/** The loop's side. */
export class ConnectionTable {
  readonly #cells: Float64Array;
  readonly #bytes: Buffer;
  readonly #free: number[] = [];
  #used = 0;

  constructor(shared: SharedArrayBuffer) {
    this.#cells = new Float64Array(shared);
    this.#bytes = Buffer.from(shared);
  }

  /** A row for a connection; `forwarder` is above 0. */
  open(forwarder: number, listener: number, client: SocketAddress): ConnectionRow {
    const index = this.#free.pop() ?? (this.#used < rows ? this.#used++ : undefined);
    const row =
      index === undefined
        ? unlistedRow()
        : new ConnectionRow(this.#cells, this.#bytes, index, () => this.#free.push(index));
    row.begin(forwarder, listener, client);
    return row;
  }
}

/** For a connection beyond those that are listed: nobody but its owner sees it. */
function unlistedRow(): ConnectionRow {
  const cells = new Float64Array(rowCells);
  return new ConnectionRow(cells, Buffer.from(cells.buffer), 0, () => undefined);
}

/** What is known of one open connection. */
export class ConnectionRow implements Disposable {
  readonly #cells: Float64Array;
  readonly #bytes: Buffer;
  /** Places of its first cell and its first byte. */
  readonly #firstCell: number;
  readonly #firstByte: number;
  readonly #free: () => void;

  constructor(cells: Float64Array, bytes: Buffer, index: number, free: () => void) {
    this.#cells = cells;
    this.#bytes = bytes;
    this.#firstCell = index * rowCells;
    this.#firstByte = index * rowBytes;
    this.#free = free;
  }

  /** The forwarder is written last: it makes the row valid. */
  begin(forwarder: number, listener: number, client: SocketAddress): void {
    this.#cells.fill(0, this.#firstCell, this.#firstCell + rowCells);
    this.#set(cell.listener, listener);
    this.#bytes.set(client.bytes, this.#firstByte + address.client);
    this.#set(cell.forwarder, forwarder);
  }

  reached(target: SocketAddress): void {
    this.#bytes.set(target.bytes, this.#firstByte + address.target);
  }

  moved(inward: boolean, total: number): void {
    this.#set(inward ? cell.bytesIn : cell.bytesOut, total);
  }

  get retransmits(): number {
    return this.#get(cell.retransmits);
  }

  get rttUs(): number {
    return this.#get(cell.rttUs);
  }

  sampled(retransmits: number, rttUs: number): void {
    this.#set(cell.retransmits, retransmits);
    this.#set(cell.rttUs, rttUs);
  }

  [Symbol.dispose](): void {
    this.#set(cell.forwarder, 0);
    this.#free();
  }

  #get(place: number): number {
    return this.#cells[this.#firstCell + place] ?? 0;
  }

  #set(place: number, value: number): void {
    this.#cells[this.#firstCell + place] = value;
  }
}

/** The open connections of a forwarder in one loop's table. */
export function readConnections(
  shared: SharedArrayBuffer,
  forwarder: number,
  listeners: readonly Endpoint[],
): ConnectionInfo[] {
  const cells = new Float64Array(shared);
  const found: ConnectionInfo[] = [];
  for (let at = 0; at < rows * rowCells; at += rowCells) {
    if (cells[at + cell.forwarder] !== forwarder) continue;
    const value = (place: number): number => cells[at + place] ?? 0;
    const bytes = Buffer.from(shared, at * Float64Array.BYTES_PER_ELEMENT, rowBytes);
    const listener = listeners[value(cell.listener)];
    // Copies, as the loop may be writing at this moment.
    const client = SocketAddress.read(bytes, address.client)?.endpoint;
    const target = SocketAddress.read(bytes, address.target)?.endpoint;
    if (!listener || !client) continue;
    const rttUs = value(cell.rttUs);
    found.push({
      listener,
      client,
      ...(target ? { target } : {}),
      bytesIn: value(cell.bytesIn),
      bytesOut: value(cell.bytesOut),
      ...(rttUs > 0 ? { retransmits: value(cell.retransmits), rttUs } : {}),
    });
  }
  return found;
}
