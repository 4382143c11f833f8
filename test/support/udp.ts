import dgram from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { onTestFinished } from 'vitest';
import { formatEndpoint, parseEndpoint } from '../../src/core/endpoint.js';

/** A datagram socket that remembers what came; closed after the test. */
export class UdpPeer {
  readonly socket: dgram.Socket;
  /** What came, with the sender's address. */
  readonly received: { text: string; from: string }[] = [];

  private constructor(socket: dgram.Socket) {
    this.socket = socket;
    socket.on('message', (datagram, { address: host, port }) => {
      this.received.push({ text: datagram.toString(), from: formatEndpoint({ host, port }) });
    });
    socket.on('error', () => undefined);
  }

  static async open(host = '127.0.0.1', port = 0): Promise<UdpPeer> {
    const socket = dgram.createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    socket.bind(port, host);
    await once(socket, 'listening');
    const peer = new UdpPeer(socket);
    onTestFinished(() => {
      peer[Symbol.dispose]();
    });
    return peer;
  }

  /** Answers every datagram with `prefix` and itself. */
  static async echo(prefix = '', host?: string): Promise<UdpPeer> {
    const peer = await UdpPeer.open(host);
    peer.socket.on('message', (datagram, { address, port }) => {
      peer.socket.send(Buffer.concat([Buffer.from(prefix), datagram]), port, address);
    });
    return peer;
  }

  get address(): string {
    const { address: host, port } = this.socket.address();
    return formatEndpoint({ host, port });
  }

  get texts(): readonly string[] {
    return this.received.map(({ text }) => text);
  }

  send(address: string, text: string | Uint8Array): void {
    const { host, port } = parseEndpoint(address);
    this.socket.send(text, port, host);
  }

  [Symbol.dispose](): void {
    try {
      this.socket.close();
    } catch {
      // It was closed by the test.
    }
  }
}
