import { createHash } from 'node:crypto';
import net from 'node:net';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { parseEndpoint } from '../../src/core/endpoint.js';

export interface TestServer {
  readonly address: string;
  /** Connections accepted so far. */
  readonly accepted: net.Socket[];
}

/** A TCP server on a port from the system, closed after the test. */
export async function serve(onConnection: (socket: net.Socket) => void, host = '127.0.0.1'): Promise<TestServer> {
  const accepted: net.Socket[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of accepted) socket.destroy();
    const closed = once(server, 'close');
    server.close();
    await closed;
  });
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  return { address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, accepted };
}

/** A server at a port that was chosen before, closed after the test at the latest. */
export async function listenAt(port: number, onConnection: (socket: net.Socket) => void): Promise<AsyncDisposable> {
  const server = net.createServer(onConnection);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    await closed;
  };
  onTestFinished(stop);
  return { [Symbol.asyncDispose]: stop };
}

/** Sends everything back. */
export function echo(host?: string): Promise<TestServer> {
  return serve((socket) => socket.pipe(socket), host);
}

/** Says `text` to every connection and ends its side. */
export function saying(text: string): Promise<TestServer> {
  return serve((socket) => socket.end(text));
}

export async function connect(address: string): Promise<net.Socket> {
  const socket = net.connect({ ...parseEndpoint(address), allowHalfOpen: true });
  // Whoever reads from it hears of a reset; one that comes between two reads is no defect of the test.
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return socket;
}

/** Its chunks until the other side ends; unlike plain iteration this leaves our own side open. */
function chunksOf(socket: net.Socket): AsyncIterable<Buffer> {
  return socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
}

/** All that comes until the other side ends. Rejects when the connection breaks. */
export async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of chunksOf(socket)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** SHA-256 of all that comes until the other side ends. */
export async function hashAll(socket: net.Socket): Promise<{ hash: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunksOf(socket)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { hash: hash.digest('hex'), bytes };
}

/** Connects, sends, ends, and answers what came back. */
export async function exchange(address: string, text: string): Promise<string> {
  const socket = await connect(address);
  socket.end(text);
  return (await readAll(socket)).toString();
}

/** True when a connection to the address is accepted. */
export async function accepts(address: string): Promise<boolean> {
  const socket = net.connect(parseEndpoint(address));
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A range of `count` neighboring ports that are free now. */
export async function freePortRange(count: number): Promise<string> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return `${first}-${first + count - 1}`;
  }
  throw new Error(`no ${count} neighboring free ports found`);
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
