import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';

/** Stands before an Engine's socket, so that a test can take the Engine away and give it back. */
export class EngineGate {
  readonly #target: string;
  readonly #at: string | net.ListenOptions;
  readonly #sockets = new Set<net.Socket>();
  /** The first line of each request, such as `GET /version HTTP/1.1`. */
  readonly requests: string[] = [];
  /** Such requests do not reach the Engine, and get no answer. */
  ignored: RegExp | undefined;
  #server: net.Server | undefined;

  private constructor(target: string, at: string | net.ListenOptions) {
    this.#target = target;
    this.#at = at;
  }

  /** At a Unix socket, removed after the test. */
  static async open(target: string): Promise<{ gate: EngineGate; host: string }> {
    const file = path.join(tmpdir(), `engine-gate-${randomBytes(6).toString('hex')}.sock`);
    const gate = new EngineGate(target, file);
    onTestFinished(async () => {
      await gate.close();
      await rm(file, { force: true });
    });
    await gate.open();
    return { gate, host: `unix://${file}` };
  }

  /** At a port of the system on the address. */
  static async openTcp(target: string, host: string): Promise<number> {
    const gate = new EngineGate(target, { host, port: 0 });
    onTestFinished(() => gate.close());
    const address = (await gate.open()).address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  get isOpen(): boolean {
    return this.#server !== undefined;
  }

  async open(): Promise<net.Server> {
    const server = net.createServer((inner) => {
      const outer = net.connect(this.#target);
      for (const socket of [inner, outer]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.#sockets.delete(socket);
          inner.destroy();
          outer.destroy();
        });
      }
      inner.on('data', (chunk: Buffer) => {
        const [line] = /^[A-Z]+ .*(?=\r\n)/.exec(chunk.toString('latin1')) ?? [];
        if (line !== undefined) this.requests.push(line);
        if (line === undefined || this.ignored?.test(line) !== true) outer.write(chunk);
      });
      inner.on('end', () => outer.end());
      outer.pipe(inner);
    });
    this.#server = server;
    server.listen(this.#at);
    await once(server, 'listening');
    return server;
  }

  /** Breaks all connections and takes no new ones. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(server, 'close');
    server.close();
    await closed;
  }
}
