import type { Endpoint } from '../../../../core/endpoint.js';
import { addressBytes, readAddress, writeAddress } from '../../../../platform/ffi/socket-address.js';
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
  open(forwarder: number, listener: number, client: Endpoint): ConnectionRow {
    const index = this.#free.pop() ?? (this.#used < rows ? this.#used++ : undefined);
    if (index === undefined) return unlistedRow();
    const [cells, bytes] = [
      this.#cells.subarray(index * rowCells, (index + 1) * rowCells),
      this.#bytes.subarray(index * rowBytes, (index + 1) * rowBytes),
    ];
    cells.fill(0);
    cells[cell.listener] = listener;
    writeAddress(bytes, address.client, client);
    cells[cell.forwarder] = forwarder;
    return new ConnectionRow(cells, bytes, () => {
      cells[cell.forwarder] = 0;
      this.#free.push(index);
    });
  }
}

/** For a connection beyond those that are listed: nobody but its owner sees it. */
function unlistedRow(): ConnectionRow {
  const cells = new Float64Array(rowCells);
  return new ConnectionRow(cells, Buffer.from(cells.buffer), () => undefined);
}

/** What is known of one open connection. */
export class ConnectionRow implements Disposable {
  readonly #cells: Float64Array;
  readonly #bytes: Buffer;
  readonly #close: () => void;

  constructor(cells: Float64Array, bytes: Buffer, close: () => void) {
    this.#cells = cells;
    this.#bytes = bytes;
    this.#close = close;
  }

  reached(target: Endpoint): void {
    writeAddress(this.#bytes, address.target, target);
  }

  moved(inward: boolean, total: number): void {
    this.#cells[inward ? cell.bytesIn : cell.bytesOut] = total;
  }

  get retransmits(): number {
    return this.#cells[cell.retransmits] ?? 0;
  }

  get rttUs(): number {
    return this.#cells[cell.rttUs] ?? 0;
  }

  sampled(retransmits: number, rttUs: number): void {
    this.#cells[cell.retransmits] = retransmits;
    this.#cells[cell.rttUs] = rttUs;
  }

  [Symbol.dispose](): void {
    this.#close();
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
    const client = addressAt(bytes, address.client);
    const target = addressAt(bytes, address.target);
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

function addressAt(bytes: Buffer, offset: number): Endpoint | undefined {
  // A copy, as the loop may be writing at this moment.
  const copy = Buffer.from(bytes.subarray(offset, offset + addressBytes));
  return copy.readUInt16LE(0) === 0 ? undefined : readAddress(copy, 0);
}
