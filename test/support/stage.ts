import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import { until } from '../../src/core/until.js';
import { DataServer, type DataServerOptions } from './data-server.js';
import { temporaryDir } from './facility.js';
import { connect, serve, type TestServer } from './tcp.js';
import { first } from './v1.js';

const deadlineMs = 20_000;

/** A target that says its name, one letter, and then sends back what it gets. */
export function named(name: string): Promise<TestServer> {
  return serve((socket) => {
    socket.write(name);
    socket.pipe(socket);
  });
}

/** One stream of a data server type, with all that belongs to it, which ends with the test. */
export class Stage {
  server: DataServer;
  readonly id: string;
  /** The listener of the type under test. */
  readonly listener: string;
  /** Where clients connect: that listener, or the near end of an encrypted leg to it. */
  readonly address: string;
  readonly #options: DataServerOptions;

  private constructor(parts: {
    server: DataServer;
    id: string;
    listener: string;
    address: string;
    options: DataServerOptions;
  }) {
    this.server = parts.server;
    this.id = parts.id;
    this.listener = parts.listener;
    this.address = parts.address;
    this.#options = parts.options;
  }

  /** Reserves one listener and points it at `target`. */
  static async open(type: string, target: string, options: DataServerOptions): Promise<Stage> {
    const complete = { ...options, dir: await temporaryDir() };
    const server = await DataServer.start(complete);
    const { types } = await server.client.info({});
    const security = types.find(({ name }) => name === type)?.security[0] ?? '';
    const psk = security === 'tls-psk' ? randomBytes(32) : undefined;
    const protection = { security, ...(psk ? { psk } : {}) };
    const { reservation } = await server.client.reserve({ type, role: 'PROD', numListeners: 1, ...protection });
    const id = reservation?.id ?? '';
    const listener = first(reservation?.listeners ?? []);
    await server.client.update({ id, forwards: [{ targets: [target] }] });
    const address = psk ? await nearEnd(listener, psk) : listener;
    return new Stage({ server, id, listener, address, options: complete });
  }

  get stateDir(): string {
    return this.#options.dir ?? '';
  }

  get folder(): string {
    return `${this.stateDir}/s2ds.d/${this.id}`;
  }

  async point(target: string): Promise<void> {
    await this.server.client.update({ id: this.id, forwards: [{ targets: [target] }] });
  }

  /** Connects and answers the socket and the target's name. Waits until one answers. */
  async enter(): Promise<{ socket: net.Socket; name: string }> {
    return until('a connection to a target', deadlineMs, async () => {
      const socket = await connect(this.address).catch(() => undefined);
      if (!socket) return undefined;
      const name = await letter(socket);
      if (name !== undefined) return { socket, name };
      socket.destroy();
      return undefined;
    });
  }

  /** The data server is killed, and another one takes its place. */
  async crash(meanwhile: () => Promise<void>): Promise<void> {
    await this.server.program.kill('SIGKILL');
    await meanwhile();
    this.server = await DataServer.start(this.#options);
  }
}

/** The other gateway, whose data server is never touched. */
async function nearEnd(listener: string, psk: Uint8Array): Promise<string> {
  const server = await DataServer.start({});
  const { reservation } = await server.client.reserve({
    ...{ type: 'relay', role: 'CONS', numListeners: 1, security: 'tls-psk', psk },
  });
  await server.client.update({ id: reservation?.id ?? '', forwards: [{ targets: [listener] }] });
  return first(reservation?.listeners ?? []);
}

/** The first byte; undefined when the connection ends before. */
async function letter(socket: net.Socket): Promise<string | undefined> {
  const ended = new AbortController();
  const stop = (): void => {
    ended.abort();
  };
  socket.once('end', stop).once('close', stop);
  try {
    await once(socket, 'readable', { signal: ended.signal });
    const bytes: unknown = socket.read(1);
    return Buffer.isBuffer(bytes) ? bytes.toString() : undefined;
  } catch {
    return undefined;
  } finally {
    socket.off('end', stop).off('close', stop);
  }
}

/** Sends a line through a connection that echoes, and waits for it. */
export async function echoesLine(socket: net.Socket, line: string): Promise<boolean> {
  socket.write(line);
  let received = '';
  while (received.length < line.length) {
    const chunk: unknown = socket.read();
    if (Buffer.isBuffer(chunk)) received += chunk.toString();
    else await once(socket, 'readable', { signal: AbortSignal.timeout(deadlineMs) });
    if (socket.readableEnded) return false;
  }
  return received === line;
}
