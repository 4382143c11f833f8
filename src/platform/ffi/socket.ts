import type { Endpoint } from '../../core/endpoint.js';
import { errno, family, ipv6Option, level, shutdownHow, socketOption, socketType, tcpOption } from './constants.js';
import type { Memory } from './memory.js';
import type { Native } from './native.js';
import { addressBytes, SocketAddress } from './socket-address.js';
import { check, SystemError } from './system-error.js';

const backlog = 4096;
const keepIdleSeconds = 60;
const keepIntervalSeconds = 15;
/** Offsets in struct tcp_info. */
const tcpInfo = { bytes: 152, rtt: 68, totalRetransmits: 100, minRtt: 148 } as const;
const algorithmBytes = 16;

/** The kernel's sockets as the relay uses them: non-blocking, named by their descriptor. */
export class Sockets {
  readonly #native: Native;
  readonly #address: Memory;
  readonly #length: Memory;
  readonly #value: Memory;
  readonly #info: Memory;
  readonly #algorithm: Memory;

  constructor(native: Native) {
    this.#native = native;
    this.#address = native.allocate(addressBytes);
    this.#length = native.allocate(4);
    this.#value = native.allocate(8);
    this.#info = native.allocate(tcpInfo.bytes);
    this.#algorithm = native.allocate(algorithmBytes);
  }

  /** Listens for TCP connections, which inherit what is tuned here. Throws SystemError. */
  listen(at: Endpoint, bufferSize: number, congestion?: string): number {
    const address = SocketAddress.of(at);
    return this.#owned(this.#open(address, socketType.stream), (fd) => {
      this.tune(fd, bufferSize);
      if (congestion !== undefined) this.setCongestion(fd, congestion);
      this.keepAlive(fd);
      this.#set(fd, level.socket, socketOption.reuseAddress, 1);
      if (address.isInet6) this.#set(fd, level.ipv6, ipv6Option.only, 1);
      this.#bind(fd, address);
      check('listen', this.#native.libc.listen(fd, backlog));
    });
  }

  /** A datagram socket at an address. Throws SystemError. */
  datagrams(at: Endpoint, bufferSize: number): number {
    const address = SocketAddress.of(at);
    return this.#owned(this.#open(address, socketType.datagram), (fd) => {
      if (address.isInet6) this.#set(fd, level.ipv6, ipv6Option.only, 1);
      this.setBuffers(fd, bufferSize);
      this.#bind(fd, address);
    });
  }

  /** A datagram socket that exchanges with one peer only. Throws SystemError. */
  datagramsTo(peer: SocketAddress, bufferSize: number): number {
    return this.#owned(this.#open(peer, socketType.datagram), (fd) => {
      this.setBuffers(fd, bufferSize);
      check('connect', this.#connect(fd, peer));
    });
  }

  /** A descriptor, or the negative errno. */
  accept(listener: number): number {
    return this.#native.libc.accept(
      listener,
      this.#address,
      this.#length,
      socketType.nonBlocking | socketType.closeOnExec,
    );
  }

  /** Of the connection that was accepted last. */
  get accepted(): SocketAddress | undefined {
    return SocketAddress.read(this.#address.bytes, 0);
  }

  /** Undefined when the peer has gone. */
  peerOf(fd: number): SocketAddress | undefined {
    return this.#native.libc.getpeername(fd, this.#address, this.#length) < 0 ? undefined : this.accepted;
  }

  /** Begins to connect: a descriptor that becomes writable when it is known how that went. Throws SystemError. */
  connect(target: SocketAddress, congestion?: string): number {
    const fd = this.#open(target, socketType.stream);
    if (congestion !== undefined) this.setCongestion(fd, congestion);
    const answer = this.#connect(fd, target);
    if (answer >= 0 || answer === -errno.EINPROGRESS) return fd;
    this.close(fd);
    throw new SystemError('connect', -answer);
  }

  /** The errno with which connecting or the connection has failed; 0 when it has not. */
  errorOf(fd: number): number {
    const answer = this.#native.libc.getsockopt(fd, level.socket, socketOption.error, this.#value, this.#length);
    return answer < 0 ? -answer : this.#value.bytes.readInt32LE(0);
  }

  /** Small messages leave at once. */
  tune(fd: number, bufferSize: number): void {
    this.#set(fd, level.tcp, tcpOption.noDelay, 1);
    this.setBuffers(fd, bufferSize);
  }

  /** A peer that has vanished is noticed within minutes. */
  keepAlive(fd: number): void {
    this.#set(fd, level.socket, socketOption.keepAlive, 1);
    this.#set(fd, level.tcp, tcpOption.keepIdle, keepIdleSeconds);
    this.#set(fd, level.tcp, tcpOption.keepInterval, keepIntervalSeconds);
  }

  /** 0 leaves them to the kernel, which adapts them. */
  setBuffers(fd: number, size: number): void {
    if (size === 0) return;
    this.#set(fd, level.socket, socketOption.sendBuffer, size);
    this.#set(fd, level.socket, socketOption.receiveBuffer, size);
  }

  /** Bytes per second at which the kernel sends at most; 0: no limit. */
  setPacing(fd: number, rate: number): void {
    const unlimited = 0xffff_ffff_ffff_ffffn;
    this.#value.bytes.writeBigUInt64LE(rate === 0 ? unlimited : BigInt(Math.ceil(rate)), 0);
    this.#native.libc.setsockopt(fd, level.socket, socketOption.maxPacingRate, this.#value, 8);
  }

  /** Round trip, smoothed and shortest, in microseconds, and segments sent again; undefined for what is no TCP connection. */
  tcpInfo(fd: number): { rttUs: number; minRttUs: number; retransmits: number } | undefined {
    const answer = this.#native.libc.getsockopt(fd, level.tcp, tcpOption.info, this.#info, this.#length);
    if (answer < 0 || this.#length.bytes.readUInt32LE(0) < tcpInfo.bytes) return undefined;
    const { bytes } = this.#info;
    return {
      rttUs: bytes.readUInt32LE(tcpInfo.rtt),
      minRttUs: bytes.readUInt32LE(tcpInfo.minRtt),
      retransmits: bytes.readUInt32LE(tcpInfo.totalRetransmits),
    };
  }

  /** The congestion control of new TCP sockets, as the system's administrator has set it. Throws SystemError. */
  defaultCongestion(): string {
    const fd = check('socket', this.#native.libc.socket(family.inet, socketType.stream | socketType.closeOnExec));
    const name = this.congestionOf(fd);
    this.close(fd);
    return name;
  }

  congestionOf(fd: number): string {
    const answer = this.#native.libc.getsockopt(fd, level.tcp, tcpOption.congestion, this.#algorithm, this.#length);
    return answer < 0 ? '' : (/^[^\0]*/.exec(this.#algorithm.bytes.toString('latin1'))?.[0] ?? '');
  }

  /** Without effect when the system does not allow it. */
  setCongestion(fd: number, name: string): void {
    const length = this.#algorithm.bytes.write(name, 0, 'latin1');
    this.#native.libc.setsockopt(fd, level.tcp, tcpOption.congestion, this.#algorithm, length);
  }

  /** While it is on, the kernel sends full segments only. */
  cork(fd: number, on: boolean): void {
    this.#set(fd, level.tcp, tcpOption.cork, Number(on));
  }

  endWriting(fd: number): void {
    this.#native.libc.shutdown(fd, shutdownHow.write);
  }

  close(fd: number): void {
    this.#native.libc.close(fd);
  }

  /** Closes so that the peer sees a broken connection instead of an end. */
  reset(fd: number): void {
    this.#value.bytes.writeInt32LE(1, 0);
    this.#value.bytes.writeInt32LE(0, 4);
    this.#native.libc.setsockopt(fd, level.socket, socketOption.linger, this.#value, 8);
    this.#native.libc.close(fd);
  }

  #open({ isInet6 }: SocketAddress, type: number): number {
    const kind = isInet6 ? family.inet6 : family.inet;
    return check('socket', this.#native.libc.socket(kind, type | socketType.nonBlocking | socketType.closeOnExec));
  }

  #bind(fd: number, at: SocketAddress): void {
    this.#address.bytes.set(at.bytes);
    check('bind', this.#native.libc.bind(fd, this.#address, at.length));
  }

  #connect(fd: number, to: SocketAddress): number {
    this.#address.bytes.set(to.bytes);
    return this.#native.libc.connect(fd, this.#address, to.length);
  }

  #set(fd: number, atLevel: number, option: number, value: number): void {
    this.#value.bytes.writeInt32LE(value, 0);
    this.#native.libc.setsockopt(fd, atLevel, option, this.#value, 4);
  }

  /** Hands the descriptor out when `prepare` is done, closes it when that fails. */
  #owned(fd: number, prepare: (fd: number) => void): number {
    try {
      prepare(fd);
      return fd;
    } catch (error) {
      this.close(fd);
      throw error;
    }
  }
}
