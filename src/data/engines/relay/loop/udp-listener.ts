import { epollEvent } from '../../../../platform/ffi/constants.js';
import { counter } from './counters.js';
import type { DatagramBatch } from './datagrams.js';
import type { Watcher } from './loop.js';
import type { Serving } from './serving.js';
import { UdpFlow } from './udp-flow.js';

const mostFlows = 4096;
/** Full batches before other events get their turn. */
const batchesPerEvent = 4;

/** Gives each sender a flow of its own, and each flow its sender's datagrams. */
export class UdpListener implements Watcher, Disposable {
  readonly fd: number;
  readonly #serving: Serving;
  readonly #index: number;
  readonly #flows = new Map<number | string, UdpFlow>();

  /** The descriptor stays the agent's. */
  constructor(serving: Serving, index: number, fd: number) {
    this.#serving = serving;
    this.#index = index;
    this.fd = fd;
    serving.loop.watch(fd, epollEvent.in, this);
  }

  onEvents(): void {
    const { datagrams } = this.#serving.loop;
    for (let round = 0; round < batchesPerEvent; round++) {
      const count = datagrams.receive(this.fd);
      if (count <= 0) return;
      this.#forward(datagrams, count);
      if (!datagrams.isFull(count)) return;
    }
  }

  forget(key: number | string, flow: UdpFlow): void {
    if (this.#flows.get(key) === flow) this.#flows.delete(key);
  }

  [Symbol.dispose](): void {
    this.#serving.loop.unwatch(this.fd);
  }

  /** Neighbors of the same sender go on together. */
  #forward(datagrams: DatagramBatch, count: number): void {
    let first = 0;
    let current: UdpFlow | undefined;
    for (let index = 0; index < count; index++) {
      const flow = this.#admitted(datagrams, index);
      if (flow === current) continue;
      current?.forward(datagrams, first, index - first);
      current = flow;
      first = index;
    }
    current?.forward(datagrams, first, count - first);
  }

  /** The flow that takes the datagram; undefined when it is dropped. */
  #admitted(datagrams: DatagramBatch, index: number): UdpFlow | undefined {
    const flow = this.#flowOf(datagrams, index);
    if (flow && this.#serving.admit(flow, 'inward', datagrams.lengthOf(index))) return flow;
    this.#serving.count(counter.dropped, 1);
    return undefined;
  }

  #flowOf(datagrams: DatagramBatch, index: number): UdpFlow | undefined {
    const key = datagrams.keyOf(index);
    const known = this.#flows.get(key);
    if (known) return known;
    if (this.#flows.size >= mostFlows) {
      this.#serving.report('datagrams dropped', `${mostFlows} senders are served already`);
      return undefined;
    }
    const client = datagrams.senderOf(index);
    const flow = client && UdpFlow.open(this.#serving, this, { key, index: this.#index, client });
    if (flow) this.#flows.set(key, flow);
    return flow;
  }
}
