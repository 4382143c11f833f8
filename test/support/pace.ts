import type net from 'node:net';
import { until } from '../../src/core/until.js';
import { connect, serve, type TestServer } from './tcp.js';

const block = Buffer.alloc(64 * 1024, 'x');

/** An application that takes everything and counts it. */
export class Sink {
  /** Bytes by connection, in the order in which they came. */
  readonly received: number[] = [];
  readonly server: TestServer;

  private constructor(server: TestServer) {
    this.server = server;
  }

  static async start(): Promise<Sink> {
    const counts: ((socket: net.Socket) => void)[] = [];
    const sink = new Sink(
      await serve((socket) => {
        for (const count of counts) count(socket);
      }),
    );
    counts.push((socket) => {
      sink.count(socket);
    });
    return sink;
  }

  get total(): number {
    return this.received.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Adds what comes on a socket from now on. */
  count(socket: net.Socket): void {
    const index = this.received.push(0) - 1;
    socket.on('data', ({ length }) => {
      this.received[index] = (this.received[index] ?? 0) + length;
    });
  }
}

/** Sends as much as the other side takes, until the socket is closed. */
export function flood(socket: net.Socket): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.on('drain', more);
  more();
}

/** Connects `count` times and floods each. */
export async function floodFrom(address: string, count: number): Promise<readonly net.Socket[]> {
  const sockets = await Promise.all(Array.from({ length: count }, () => connect(address)));
  sockets.forEach(flood);
  return sockets;
}

export interface Pace {
  /** Bytes per second. */
  readonly rate: number;
  /** Bytes of each connection. */
  readonly shares: readonly number[];
}

/** The pace over about `seconds`, from when the first bytes have come on every connection. */
export async function paceOf(sink: Sink, connections: number, seconds: number): Promise<Pace> {
  await until('every connection moving', 15_000, () => {
    return sink.received.length === connections && sink.received.every((bytes) => bytes > 0);
  });
  const before = [...sink.received];
  const total = sink.total;
  const began = performance.now();
  await until(`${seconds} s being over`, seconds * 2_000 + 5_000, () => performance.now() - began >= seconds * 1000);
  const elapsed = (performance.now() - began) / 1000;
  return {
    rate: (sink.total - total) / elapsed,
    shares: sink.received.map((bytes, index) => bytes - (before[index] ?? 0)),
  };
}

/** True when no share differs from the mean by more than `tolerance`, a fraction of it. */
export function areEqual(shares: readonly number[], tolerance: number): boolean {
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return shares.every((share) => Math.abs(share - mean) <= tolerance * mean);
}
