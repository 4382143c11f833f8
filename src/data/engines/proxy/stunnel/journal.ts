import { z } from 'zod';
import type { Endpoint } from '../../../../core/endpoint.js';
import { plainAddress } from '../tcp-sockets-text.js';

export const logName = 'stunnel.log';

export function serviceName(index: number): string {
  return `stream-${index}`;
}

const endpoint = z.strictObject({ host: z.string(), port: z.number() });

const openConnection = z.strictObject({
  /** Index of its listener. */
  stream: z.number(),
  client: endpoint,
  /** Where stunnel has reached, and from which address. */
  target: endpoint.optional(),
  local: endpoint.optional(),
  /** True as long as the peer has not proved that it holds the key, as far as the log tells. */
  unproved: z.boolean(),
});

const contents = z.strictObject({
  bytesIn: z.number(),
  bytesOut: z.number(),
  totalConnections: z.number(),
  refusedConnections: z.number(),
  failedHandshakes: z.number(),
  /** Configurations that were accepted, and refused, since the start. */
  accepted: z.number(),
  refused: z.number(),
  /** Listeners that are open under the last configuration. */
  bound: z.number(),
  open: z.array(z.tuple([z.string(), openConnection])),
});

export type OpenConnection = z.infer<typeof openConnection>;

/** What stunnel's log has told since the program started. Bytes are those of connections that have ended. */
export class Journal {
  bytesIn = 0;
  bytesOut = 0;
  totalConnections = 0;
  refusedConnections = 0;
  failedHandshakes = 0;
  accepted = 0;
  refused = 0;
  bound = 0;
  readonly open = new Map<string, OpenConnection>();
  /** stunnel's words about what went wrong with the last configuration. */
  troubles: string[] = [];
  readonly #client: boolean;

  /** `client`: stunnel is the client of TLS, on the way to the targets. */
  constructor(client: boolean) {
    this.#client = client;
  }

  /** One line of the log. */
  feed(line: string): void {
    const [, level, thread, message] = /^\S+ \S+ LOG([0-7])\[([^\]]+)\]: (.*)$/.exec(line) ?? [];
    if (level === undefined || thread === undefined || message === undefined) return;
    if (thread === 'ui') this.#configuration(Number(level), message);
    else if (/^\d+$/.test(thread)) this.#connection(thread, message);
  }

  /** All of it as one line, for `restore`. */
  save(): string {
    const { bytesIn, bytesOut, totalConnections, refusedConnections, failedHandshakes, accepted, refused, bound } =
      this;
    const totals = { bytesIn, bytesOut, totalConnections, refusedConnections, failedHandshakes };
    const saved: z.infer<typeof contents> = { ...totals, accepted, refused, bound, open: [...this.open] };
    return JSON.stringify(saved);
  }

  /** Starts from what `save` gave. Throws when it is not that. */
  restore(text: string): void {
    const { open, ...numbers } = contents.parse(JSON.parse(text));
    Object.assign(this, numbers);
    this.open.clear();
    for (const [id, connection] of open) this.open.set(id, connection);
  }

  #configuration(level: number, message: string): void {
    // Said at a start and not at a reload: what is counted so far belongs to a program that has ended.
    if (/^stunnel \S+ on \S+ platform$/.test(message)) this.restore(nothing);
    if (message.startsWith('Reading configuration')) this.troubles = [];
    else if (message === 'Configuration successful') {
      this.accepted++;
      this.bound = 0;
    } else if (message === 'Failed to reload the configuration file') this.refused++;
    else if (/^Service \[[^\]]*\] .*bound to /.test(message)) this.bound++;
    else if (isTrouble(level, message)) this.troubles.push(message);
  }

  #connection(id: string, message: string): void {
    const [, service, from] = /^Service \[stream-(\d+)\] accepted connection from (.+)$/.exec(message) ?? [];
    const client = addressOf(from);
    if (client) {
      this.totalConnections++;
      this.open.set(id, { stream: Number(service), client, unproved: !this.#client });
      return;
    }
    const connection = this.open.get(id);
    if (!connection) return;
    const [, toTls, toSocket] =
      /^Connection (?:closed|reset)[^:]*: (\d+) byte\(s\) sent to TLS, (\d+) byte\(s\) sent to socket/.exec(message) ??
      [];
    if (toTls !== undefined && toSocket !== undefined) this.#ended(id, connection, Number(toTls), Number(toSocket));
    else this.#goesOn(connection, message);
  }

  #goesOn(connection: OpenConnection, message: string): void {
    const [, target] = /^s_connect: connected (.+)$/.exec(message) ?? [];
    const [, local] = /^Service \[[^\]]*\] connected remote server from (.+)$/.exec(message) ?? [];
    if (target !== undefined) connection.target = addressOf(target);
    if (local !== undefined) connection.local = addressOf(local);
    if (message === 'No more addresses to connect') this.refusedConnections++;
    // A server looks for a target once the client has proved its key; a client proves its key to the target it has reached.
    if (this.#client) connection.unproved ||= message.startsWith('SSL_connect: ');
    else if (message.startsWith('s_connect: ')) connection.unproved = false;
  }

  #ended(id: string, { unproved }: OpenConnection, toTls: number, toSocket: number): void {
    this.open.delete(id);
    this.bytesIn += this.#client ? toTls : toSocket;
    this.bytesOut += this.#client ? toSocket : toTls;
    if (!unproved) return;
    this.failedHandshakes++;
    // A target that cannot prove the key is none; stunnel does not look for another one then.
    if (this.#client) this.refusedConnections++;
  }
}

const nothing = new Journal(false).save();

/** Among the lines about a configuration: errors but for those that are said of every one. */
function isTrouble(level: number, message: string): boolean {
  if (/^(?:No trusted certificates found|Configuration failed)$/.test(message)) return false;
  return level <= 3 || /^Binding service .*: .+ \(\d+\)$/.test(message);
}

/** stunnel writes no brackets: the port follows the last colon. */
function addressOf(text: string | undefined): Endpoint | undefined {
  const [, host, port] = /^(.+):(\d+)$/.exec(text ?? '') ?? [];
  return host === undefined ? undefined : { host: plainAddress(host), port: Number(port) };
}
