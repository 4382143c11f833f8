import net from 'node:net';
import { formatEndpoint } from '../core/endpoint.js';
import { errnoOf, messageOf, SciStreamError } from '../core/errors.js';
import { capacityOf, formatPortRange, inRange, type PortRange } from '../core/port-range.js';
import { Serial } from '../core/serial.js';

/** Ports taken out of a pool; they return to it when the lease is disposed. */
export interface PortLease extends Disposable {
  readonly ports: readonly number[];
}

/** Tells which port at `host` can be listened on: `port` itself, a free one for 0, or undefined when it is taken. */
export type PortProbe = (host: string, port: number) => Promise<number | undefined>;

/** The ports of one gateway node. A port leaves the pool only when it could really be bound. */
export class PortPool {
  readonly total: number;
  readonly #host: string;
  readonly #range: PortRange;
  readonly #probe: PortProbe;
  readonly #taken = new Set<number>();
  readonly #turn = new Serial();
  /** Where the next search starts: a port that was just freed is reused last, lest a late client meets a new session. */
  #cursor = 0;

  constructor(host: string, range: PortRange, probe: PortProbe = probePort) {
    this.#host = host;
    this.#range = range;
    this.#probe = probe;
    this.total = capacityOf(range);
  }

  get free(): number {
    // An agent before this one may have had another range: what was claimed from there takes nothing from this one.
    const taken = [...this.#taken].filter((port) => inRange(this.#range, port));
    return Math.max(0, this.total - taken.length);
  }

  /**
   * Takes `count` different ports, those of `preferred` first where they are in range and free.
   * Throws BAD_FORMAT for a count no pool of this size can ever give, NO_RESOURCE when too few are free now.
   */
  reserve(count: number, preferred: readonly number[] = []): Promise<PortLease> {
    return this.#turn.run(async () => {
      if (!Number.isInteger(count) || count < 1 || count > this.total) {
        throw new SciStreamError('BAD_FORMAT', `${count} listeners cannot be given; ask for 1 to ${this.total}.`);
      }
      const ports: number[] = [];
      const lease = {
        ports,
        [Symbol.dispose]: () => {
          for (const port of ports.splice(0)) this.#taken.delete(port);
        },
      };
      try {
        for await (const port of this.#available(preferred)) {
          this.#taken.add(port);
          if (ports.push(port) === count) return lease;
        }
      } catch (error) {
        lease[Symbol.dispose]();
        throw error;
      }
      const found = ports.length;
      lease[Symbol.dispose]();
      throw new SciStreamError(
        'NO_RESOURCE',
        `${count} ports are needed, ${found} of ${formatPortRange(this.#range)} are free; release a session or try later.`,
      );
    });
  }

  /** Exactly these, whatever listens on them: an agent before this one had reserved them. Throws NO_RESOURCE. */
  claim(ports: readonly number[]): PortLease {
    const taken = ports.find((port) => this.#taken.has(port));
    if (taken !== undefined) throw new SciStreamError('NO_RESOURCE', `Port ${taken} is reserved already.`);
    for (const port of ports) this.#taken.add(port);
    return {
      ports,
      [Symbol.dispose]: () => {
        for (const port of ports) this.#taken.delete(port);
      },
    };
  }

  async *#available(preferred: readonly number[]): AsyncGenerator<number> {
    for (const port of preferred) {
      if (inRange(this.#range, port) && (await this.#isFree(port))) yield port;
    }
    if (this.#range.kind === 'system') yield* this.#fromSystem();
    else yield* this.#fromRange(this.#range.first);
  }

  async *#fromRange(first: number): AsyncGenerator<number> {
    const start = this.#cursor;
    for (let step = 0; step < this.total; step++) {
      const offset = (start + step) % this.total;
      if (!(await this.#isFree(first + offset))) continue;
      this.#cursor = (offset + 1) % this.total;
      yield first + offset;
    }
  }

  /** The system hands out ports that are free, but may repeat one that is reserved and not yet listened on. */
  async *#fromSystem(): AsyncGenerator<number> {
    for (let attempt = 0; attempt < 4 * this.total && this.free > 0; attempt++) {
      const port = await this.#probe(this.#host, 0);
      if (port !== undefined && !this.#taken.has(port)) yield port;
    }
  }

  async #isFree(port: number): Promise<boolean> {
    return !this.#taken.has(port) && (await this.#probe(this.#host, port)) !== undefined;
  }
}

/** Binds the port for a moment. Throws BAD_FORMAT when `host` is no address of this machine. */
export async function probePort(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', (error) => {
      const taken = ['EADDRINUSE', 'EACCES'].includes(errnoOf(error) ?? '');
      if (taken) resolve(undefined);
      else if (['EMFILE', 'ENFILE'].includes(errnoOf(error) ?? ''))
        reject(
          new SciStreamError('NO_RESOURCE', 'This gateway has no file descriptors left; try later.', { cause: error }),
        );
      else
        reject(
          new SciStreamError('BAD_FORMAT', `Cannot listen at ${formatEndpoint({ host, port })}: ${messageOf(error)}`, {
            cause: error,
          }),
        );
    });
    server.listen({ host, port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => {
        resolve(bound !== null && typeof bound === 'object' ? bound.port : undefined);
      });
    });
  });
}
