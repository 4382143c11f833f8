import type { Client } from '@connectrpc/connect';
import { parseEndpoint, formatEndpoint, type Endpoint } from '../core/endpoint.js';
import { SciStreamError, toSciStreamError } from '../core/errors.js';
import type { Role } from '../core/identity.js';
import { parseTransport, type Security, type Transport } from '../core/protection.js';
import type { Secret } from '../core/secret.js';
import type { Logger } from '../observe/logger.js';
import { isAnswer } from '../platform/rpc-errors.js';
import type { Counters, DataService, InfoResponse, Reservation, TypeInfo } from '../gen/scistream/data/v1/data_pb.js';

/** What a session wants reserved. */
export interface ReserveRequest {
  /** Of the session. */
  uid: string;
  role: Role;
  numListeners: number;
  preferredPorts: readonly number[];
  /** Bytes per second, 0 for no limit. */
  maxRate: number;
  security: Security;
  /** Goes to the data server and nowhere else. */
  key: Secret | undefined;
  transport: Transport;
  annotations: Record<string, string>;
}

/** Ports held for one session on a gateway node. */
export interface Reserved {
  readonly id: string;
  /** Of the data server. */
  readonly type: string;
  readonly listeners: readonly Endpoint[];
  /** As the data server told it. */
  readonly security: string;
  readonly transport: Transport;
}

/** What is to become different; what is absent stays as it is. */
export interface GatewayChange {
  readonly targets?: readonly Endpoint[] | undefined;
  /** Bytes per second, 0 for no limit. */
  readonly maxRate?: number | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface GatewayOptions {
  client: Client<typeof DataService>;
  type: string;
  /** All there are, as sessions of before a restart may have others. */
  types: readonly Pick<TypeInfo, 'name' | 'outlivesAgent'>[];
  /** Whether a data server is there at all. */
  isServed: () => Promise<boolean>;
  logger: Logger;
}

/** A gateway node as the control server sees it: `scistream.data.v1` in our own types. */
export class Gateway {
  /** The data server type that sessions here get. */
  readonly type: string;
  readonly #outliving: ReadonlySet<string>;
  readonly #client: Client<typeof DataService>;
  readonly #isServed: () => Promise<boolean>;
  readonly #logger: Logger;

  constructor({ client, type, types, isServed, logger }: GatewayOptions) {
    this.#client = client;
    this.type = type;
    this.#isServed = isServed;
    this.#logger = logger;
    this.#outliving = new Set(types.flatMap(({ name, outlivesAgent }) => (outlivesAgent ? [name] : [])));
  }

  /** Streams of that type live on when the data server's process dies, and the next one takes them over. */
  outlivesAgent(type: string): boolean {
    return this.#outliving.has(type);
  }

  async reserve({ preferredPorts, maxRate, key, ...request }: ReserveRequest, signal?: AbortSignal): Promise<Reserved> {
    const message = {
      ...request,
      type: this.type,
      preferredPorts: [...preferredPorts],
      maxRate: BigInt(maxRate),
      ...(key ? { psk: key.expose() } : {}),
    };
    const { reservation } = await this.#reached(this.#client.reserve(message, signal ? { signal } : {}), signal);
    return toReserved(present(reservation));
  }

  /** Points listener i at `targets[i mod n]` and limits the rate, if given. */
  async update(reserved: Reserved, { targets = [], maxRate, annotations }: GatewayChange): Promise<void> {
    const forwards = reserved.listeners.flatMap((_, index) => {
      const target = targets[index % targets.length];
      return target ? [{ targets: [formatEndpoint(target)] }] : [];
    });
    const limit = maxRate === undefined ? {} : { maxRate: BigInt(maxRate) };
    await this.#reached(this.#client.update({ id: reserved.id, forwards, annotations: { ...annotations }, ...limit }));
  }

  /**
   * The last counters; undefined when the reservation is gone already, as what lived in the agent is once that has gone. Throws
   * what kept the agent from doing it.
   */
  async release({ id, type }: Pick<Reserved, 'id' | 'type'>, signal?: AbortSignal): Promise<Counters | undefined> {
    try {
      return (await this.#client.release({ id }, signal ? { signal } : {})).counters;
    } catch (error) {
      const { code } = toSciStreamError(error);
      if (code === 'INVALID_UID') return undefined;
      // It ends, or it has ended.
      const gone = code === 'UNAVAILABLE' || (code === 'CONN_ERROR' && !(await this.#isServed()));
      if (gone && !this.outlivesAgent(type)) return undefined;
      throw error;
    }
  }

  /** All reservations, or the one with this id. */
  async list(id = ''): Promise<Reservation[]> {
    return (await this.#reached(this.#client.list({ id }))).reservations;
  }

  /** The counters of every reservation by its id, now and then once a second until `signal` aborts or the agent ends. */
  async *watch(signal: AbortSignal): AsyncGenerator<Readonly<Record<string, Counters>>> {
    // It lasts as long as somebody watches, not as long as a call may take.
    for await (const { countersById } of this.#client.watch({}, { signal, timeoutMs: 0 })) yield countersById;
  }

  info(): Promise<InfoResponse> {
    return this.#reached(this.#client.info({}));
  }

  /** A caller from afar is not told where our socket lies and what is wrong with it, but what the matter is. */
  async #reached<T>(call: Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await call;
    } catch (error) {
      if (signal?.aborted || isAnswer(error)) throw error;
      const { code, message: reason } = toSciStreamError(error);
      this.#logger.warn({ reason }, 'the data server did not answer');
      const matter = code === 'CONN_ERROR' ? 'is being restarted' : 'does not answer';
      throw new SciStreamError('UNAVAILABLE', `The data server of this facility ${matter}; try again.`, {
        cause: error,
      });
    }
  }
}

export function toReserved({ id, type, listeners, security, transport }: Reservation): Reserved {
  return { id, type, listeners: listeners.map(parseEndpoint), security, transport: parseTransport(transport) };
}

function present(reservation: Reservation | undefined): Reservation {
  if (!reservation) throw new SciStreamError('SERVER_ERR', 'The data server answered without a reservation.');
  return reservation;
}
