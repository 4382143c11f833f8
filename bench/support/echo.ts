import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { z } from 'zod';
import type { Transport } from '../../src/core/protection.js';
import { host } from './ports.js';

/** Longer than a TLS record's header, so that a TLS peer can tell at once that this is not TLS. */
const probe = Buffer.from('Does this text come back just as it was sent, by way of the program under test?');
const answerMs = 1_000;

/** Sends back what it gets: the target with which a way is tried before the real target takes its port. */
export class EchoServer implements AsyncDisposable {
  readonly port: number;
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  static listen(transport: Transport): Promise<EchoServer> {
    return transport === 'tcp' ? EchoServer.#tcp() : EchoServer.#udp();
  }

  static async #tcp(): Promise<EchoServer> {
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      socket.pipe(socket);
    });
    await once(server.listen(0, host), 'listening');
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('The echo server has no port.');
    return new EchoServer(bound.port, async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    });
  }

  static async #udp(): Promise<EchoServer> {
    const socket = dgram.createSocket('udp4');
    socket.on('message', (message, { port, address }) => {
      socket.send(message, port, address);
    });
    await once(socket.bind(0, host), 'listening');
    return new EchoServer(socket.address().port, async () => {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

/** True when what is sent to this port comes back as it was. */
export async function echoes(port: number, transport: Transport): Promise<boolean> {
  try {
    return await (transport === 'tcp' ? echoesTcp(port) : echoesUdp(port));
  } catch {
    return false;
  }
}

async function echoesTcp(port: number): Promise<boolean> {
  const socket = net.connect({ port, host, signal: AbortSignal.timeout(answerMs) });
  try {
    socket.write(probe);
    let answer = Buffer.alloc(0);
    for await (const chunk of socket) {
      if (!Buffer.isBuffer(chunk)) return false;
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= probe.length) return answer.equals(probe);
    }
    return false;
  } finally {
    socket.destroy();
  }
}

async function echoesUdp(port: number): Promise<boolean> {
  const socket = dgram.createSocket('udp4');
  try {
    socket.connect(port, host);
    await once(socket, 'connect');
    const signal = AbortSignal.timeout(answerMs / 4);
    const answered = once(socket, 'message', { signal });
    socket.send(probe);
    const [answer] = z.tuple([z.instanceof(Buffer)], z.unknown()).parse(await answered);
    return answer.equals(probe);
  } finally {
    socket.close();
  }
}
