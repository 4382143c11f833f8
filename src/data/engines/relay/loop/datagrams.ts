import { family, messageFlag } from '../../../../platform/ffi/constants.js';
import { messageHeaderBytes } from '../../../../platform/ffi/libc.js';
import type { Memory } from '../../../../platform/ffi/memory.js';
import type { Native } from '../../../../platform/ffi/native.js';
import { addressBytes, SocketAddress } from '../../../../platform/ffi/socket-address.js';

const batchSize = 64;
const largestDatagram = 65_536;
const vectorBytes = 16;
const addressStride = 32;
/** Offsets in struct mmsghdr and struct iovec on 64-bit systems. */
const header = { address: 0, addressLength: 8, vectors: 16, vectorCount: 24, received: 56 } as const;
const vector = { base: 0, length: 8 } as const;

/** Datagrams on their way through, as many as one call of the system takes. */
export class DatagramBatch {
  readonly #native: Native;
  readonly #headers: Memory;
  readonly #vectors: Memory;
  readonly #addresses: Memory;
  readonly #payload: Memory;

  constructor(native: Native) {
    this.#native = native;
    this.#headers = native.allocate(batchSize * messageHeaderBytes);
    this.#vectors = native.allocate(batchSize * vectorBytes);
    this.#addresses = native.allocate(batchSize * addressStride);
    this.#payload = native.allocate(batchSize * largestDatagram);
    for (let index = 0; index < batchSize; index++) this.#wire(index);
  }

  /** How many came, or the negative errno. */
  receive(fd: number): number {
    for (let index = 0; index < batchSize; index++) {
      this.#setLength(index, largestDatagram);
      this.#headers.bytes.writeUInt32LE(addressBytes, index * messageHeaderBytes + header.addressLength);
    }
    const count = this.#native.libc.receiveMessages(fd, this.#headers, batchSize, messageFlag.dontWait);
    for (let index = 0; index < count; index++) this.#setLength(index, this.lengthOf(index));
    return count;
  }

  /** True when there may be more than were received. */
  isFull(count: number): boolean {
    return count === batchSize;
  }

  lengthOf(index: number): number {
    return this.#headers.bytes.readUInt32LE(index * messageHeaderBytes + header.received);
  }

  senderOf(index: number): SocketAddress | undefined {
    return SocketAddress.read(this.#addresses.bytes, index * addressStride);
  }

  /** Tells senders apart: a number for IPv4, which is quick, text for IPv6. */
  keyOf(index: number): number | string {
    const { bytes } = this.#addresses;
    const at = index * addressStride;
    return bytes.readUInt16LE(at) === family.inet
      ? bytes.readUInt32BE(at + 4) * 65_536 + bytes.readUInt16BE(at + 2)
      : bytes.toString('latin1', at, at + addressBytes);
  }

  /** Sends received datagrams on; to the peer of a connected socket when `receiver` is absent. Answers as sendmmsg. */
  send(fd: number, first: number, count: number, receiver?: SocketAddress): number {
    for (let index = first; index < first + count; index++) {
      if (receiver) this.#addresses.bytes.set(receiver.bytes, index * addressStride);
      this.#headers.bytes.writeUInt32LE(receiver?.length ?? 0, index * messageHeaderBytes + header.addressLength);
    }
    return this.#native.libc.sendMessages(fd, this.#headers, first, count, messageFlag.dontWait);
  }

  /** Points the header of one datagram at its address and its bytes, which it keeps for good. */
  #wire(index: number): void {
    const at = index * messageHeaderBytes;
    const put = ({ bytes }: Memory, offset: number, value: number): void => {
      bytes.writeBigUInt64LE(BigInt(value), offset);
    };
    put(this.#headers, at + header.address, this.#addresses.address + index * addressStride);
    put(this.#headers, at + header.vectors, this.#vectors.address + index * vectorBytes);
    put(this.#headers, at + header.vectorCount, 1);
    put(this.#vectors, index * vectorBytes + vector.base, this.#payload.address + index * largestDatagram);
  }

  #setLength(index: number, length: number): void {
    this.#vectors.bytes.writeUInt32LE(length, index * vectorBytes + vector.length);
  }
}
