import { messageOf } from '../../../../core/errors.js';
import { epollEvent, errno } from '../../../../platform/ffi/constants.js';
import type { SocketAddress } from '../../../../platform/ffi/socket-address.js';
import type { ConnectionRow } from './connection-table.js';
import { counter } from './counters.js';
import type { DatagramBatch } from './datagrams.js';
import type { Watcher } from './loop.js';
import type { Member, Serving } from './serving.js';
import type { UdpListener } from './udp-listener.js';

const usualIdleMs = 60_000;
const batchesPerEvent = 4;

interface Origin {
  /** By which the listener knows it. */
  readonly key: number | string;
  /** Of the listener. */
  readonly index: number;
  readonly client: SocketAddress;
}

/** The datagrams between one sender and the target it was given, over a socket of their own. */
export class UdpFlow implements Member, Watcher {
  readonly #serving: Serving;
  readonly #listener: UdpListener;
  readonly #origin: Origin;
  readonly #target: SocketAddress;
  readonly #fd: number;
  readonly #row: ConnectionRow;
  #in = 0;
  #out = 0;
  #lastMoved = 0;
  #silentSince: number;
  #closed = false;

  private constructor(serving: Serving, listener: UdpListener, origin: Origin, target: SocketAddress, fd: number) {
    this.#serving = serving;
    this.#listener = listener;
    this.#origin = origin;
    this.#target = target;
    this.#fd = fd;
    this.#silentSince = serving.loop.now;
    this.#row = serving.loop.table.open(serving.id, origin.index, origin.client);
    this.#row.reached(target);
  }

  /** Undefined when no socket can be had. */
  static open(serving: Serving, listener: UdpListener, origin: Origin): UdpFlow | undefined {
    const { loop } = serving;
    const [target] = serving.targetsOf(origin.index).inTurn(loop.now);
    if (!target) return undefined;
    let flow: UdpFlow | undefined;
    try {
      const fd = loop.sockets.datagramsTo(target, loop.socketBuffer);
      flow = new UdpFlow(serving, listener, origin, target, fd);
      serving.add(flow);
      serving.count(counter.open, 1);
      serving.count(counter.total, 1);
      loop.watch(fd, epollEvent.in, flow);
      return flow;
    } catch (error) {
      flow?.end();
      serving.report('datagrams dropped', messageOf(error));
      return undefined;
    }
  }

  /** To the target. */
  forward(datagrams: DatagramBatch, first: number, count: number): void {
    const bytes = this.#send(datagrams, this.#fd, first, count);
    this.#in += bytes;
    this.#row.moved(true, this.#in);
    this.#serving.count(counter.bytesIn, bytes);
  }

  /** From the target. */
  onEvents(events: number): void {
    if (events & epollEvent.error) {
      this.#refused();
      return;
    }
    const { datagrams } = this.#serving.loop;
    for (let round = 0; round < batchesPerEvent; round++) {
      const count = datagrams.receive(this.#fd);
      if (count <= 0) return;
      this.#back(datagrams, count);
      if (!datagrams.isFull(count)) return;
    }
  }

  sweep(): void {
    const { loop } = this.#serving;
    const moved = this.#in + this.#out;
    if (moved !== this.#lastMoved) {
      this.#lastMoved = moved;
      this.#silentSince = loop.now;
    } else if (loop.now - this.#silentSince >= (loop.idleTimeoutMs || usualIdleMs)) {
      this.end();
    }
  }

  pace(): void {
    // The budget drops what is too much; holding datagrams back would only make them late.
  }

  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.forget(this.#origin.key, this);
    this.#row[Symbol.dispose]();
    this.#serving.count(counter.open, -1);
    this.#serving.forget(this, 0);
    this.#serving.loop.close(this.#fd);
  }

  #back(datagrams: DatagramBatch, count: number): void {
    let [bytes, first] = [0, 0];
    for (let index = 0; index < count; index++) {
      if (this.#serving.admit(this, 'outward', datagrams.lengthOf(index))) continue;
      this.#serving.count(counter.dropped, 1);
      bytes += this.#send(datagrams, this.#listener.fd, first, index - first, this.#origin.client);
      first = index + 1;
    }
    bytes += this.#send(datagrams, this.#listener.fd, first, count - first, this.#origin.client);
    this.#out += bytes;
    this.#row.moved(false, this.#out);
    this.#serving.count(counter.bytesOut, bytes);
  }

  /** Answers the bytes that went; what the system has no room for is dropped, as networks do. */
  #send(datagrams: DatagramBatch, fd: number, first: number, count: number, receiver?: SocketAddress): number {
    let bytes = 0;
    for (let next = first; next < first + count;) {
      const sent = datagrams.send(fd, next, first + count - next, receiver);
      if (sent <= 0) {
        if (sent === -errno.ECONNREFUSED && !receiver) {
          this.#missed();
          return bytes;
        }
        this.#serving.count(counter.dropped, 1);
        next++;
        continue;
      }
      for (let index = next; index < next + sent; index++) bytes += datagrams.lengthOf(index);
      next += sent;
    }
    return bytes;
  }

  #refused(): void {
    if (this.#serving.loop.sockets.errorOf(this.#fd) === errno.ECONNREFUSED) this.#missed();
  }

  /** Nothing listens at the target: the sender's next datagram gets another. */
  #missed(): void {
    this.#serving.count(counter.dropped, 1);
    this.#serving.missed(this.#origin.index, this.#target, 'ECONNREFUSED');
    this.end();
  }
}
