import dgram from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { formatEndpoint, type Endpoint } from '../../../../core/endpoint.js';
import { messageOf } from '../../../../core/errors.js';
import type { Targets } from '../../engine.js';
import { bufferSizes, Flow } from './flow.js';
import { Rotation } from './rotation.js';
import { listenError } from '../listen-error.js';
import type { Shared } from './shared.js';

/** Addresses are easily forged: no more than this many clients at a time make the gateway open sockets. */
const mostFlows = 4096;

/** One UDP port and the flows of its clients. */
export class DatagramListener implements AsyncDisposable {
  readonly #listener: Endpoint;
  readonly #shared: Shared;
  readonly #socket: dgram.Socket;
  /** By the client's address. */
  readonly #flows = new Map<string, Flow>();
  #rotation: Rotation;

  private constructor(listener: Endpoint, targets: Targets, shared: Shared) {
    this.#listener = listener;
    this.#shared = shared;
    this.#rotation = new Rotation(targets);
    this.#socket = dgram.createSocket({ type: isIPv6(listener.host) ? 'udp6' : 'udp4', ...bufferSizes(shared) });
  }

  /** Listens, or throws NO_RESOURCE when the port is taken. */
  static async open(listener: Endpoint, targets: Targets, shared: Shared): Promise<DatagramListener> {
    const opened = new DatagramListener(listener, targets, shared);
    const socket = opened.#socket;
    socket.bind({ address: listener.host, port: listener.port, exclusive: true });
    try {
      await once(socket, 'listening');
    } catch (error) {
      socket.close();
      throw listenError(listener, error);
    }
    socket.on('error', (error) => {
      shared.logger.error({ reason: messageOf(error) }, 'datagrams could not be received');
    });
    socket.on('message', (datagram, { address, port }) => {
      opened.#received(datagram, { host: address, port });
    });
    return opened;
  }

  /** For new flows. */
  update(targets: Targets): void {
    this.#rotation = new Rotation(targets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const flow of this.#flows.values()) flow[Symbol.dispose]();
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }

  #received(datagram: Buffer, client: Endpoint): void {
    const flow = this.#flowOf(client);
    if (flow && this.#shared.rateIn.admits(datagram.length)) flow.forward(datagram);
    else this.#shared.tally.dropped();
  }

  #flowOf(client: Endpoint): Flow | undefined {
    const name = formatEndpoint(client);
    const known = this.#flows.get(name);
    if (known) return known;
    if (this.#flows.size >= mostFlows) return undefined;
    const rotation = this.#rotation;
    const [target] = rotation.next();
    const flow = new Flow({
      listener: this.#listener,
      client,
      target,
      shared: this.#shared,
      answer: (answer) => this.#answer(answer, client),
      unreachable: (error) => {
        rotation.failed(target);
        this.#shared.targetFailed(target, error);
      },
      closed: () => this.#flows.delete(name),
    });
    this.#flows.set(name, flow);
    return flow;
  }

  #answer(datagram: Buffer, { host, port }: Endpoint): boolean {
    if (this.#socket.getSendQueueSize() + datagram.length > this.#shared.settings.bufferSize) return false;
    this.#socket.send(datagram, port, host, (error) => {
      if (error) this.#shared.tally.dropped();
    });
    return true;
  }
}
