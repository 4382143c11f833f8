import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { Endpoint } from '../../../../core/endpoint.js';
import { errnoOf, messageOf, SciStreamError } from '../../../../core/errors.js';
import { readPlain, writePrivate } from '../../../../platform/state-dir.js';
import { canonicalHost } from '../tcp-sockets.js';

const logName = 'access.log';
const sumsName = 'ended.json';
export const logFiles: readonly string[] = [logName, sumsName];

/** A few hundred thousand connections. */
const largestLog = 8 << 20;
/** Bytes that are read at once: the rest of a log that nobody has read for long comes with the next readings. */
const mostAtOnce = 4 << 20;
const count = z.number().int().nonnegative();
const stateForm = z.strictObject({
  /** Bytes of the log that are in the sums. */
  offset: count,
  sums: z.strictObject({ refused: count, bytesIn: count, bytesOut: count }),
});

type State = z.infer<typeof stateForm>;
/** Over all connections that have ended. */
export type EndedSums = Readonly<State['sums']>;

const none: EndedSums = { refused: 0, bytesIn: 0, bytesOut: 0 };

export interface Ended {
  readonly sums: EndedSums;
  /** Those that were not in the sums of the reading before: see `sessionKey`. */
  readonly news: ReadonlySet<string>;
}

/** Names a connection as long as it is open. */
export function sessionKey(client: Endpoint, listenerPort: number): string {
  // nginx does not tell the interface of a link-local address.
  const [host = ''] = client.host.split('%');
  return `${canonicalHost(host)} ${client.port} ${listenerPort}`;
}

/** Sums up what nginx has logged, a line for each connection that ended, and keeps the log from growing. */
export class SessionLog {
  readonly #folder: string;
  readonly #largest: number;
  #state: State | undefined;

  constructor(folder: string, largest = largestLog) {
    this.#folder = folder;
    this.#largest = largest;
  }

  /** One call at a time. */
  async read(): Promise<Ended> {
    let log: number;
    try {
      log = openSync(path.join(this.#folder, logName), constants.O_RDWR | constants.O_NOFOLLOW);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return { sums: none, news: new Set() };
      throw new SciStreamError('SERVER_ERR', `The log of nginx cannot be read: ${messageOf(error)}`, { cause: error });
    }
    try {
      const known = this.#state ?? (await this.#load(fstatSync(log).size));
      const { lines, end } = linesFrom(log, known.offset);
      const sums = { ...known.sums };
      const news = addEnded(sums, lines);
      this.#state = { offset: end, sums };
      if (this.#state.offset >= this.#largest) await this.#empty(log, this.#state);
      return { sums, news };
    } finally {
      closeSync(log);
    }
  }

  /** What an earlier agent has summed up. A log shorter than that was emptied since. */
  async #load(size: number): Promise<State> {
    let text: string;
    try {
      text = await readPlain(path.join(this.#folder, sumsName));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return { offset: 0, sums: none };
      throw error;
    }
    const { offset, sums } = stateForm.parse(JSON.parse(text));
    return { offset: size < offset ? 0 : offset, sums };
  }

  /** The sums are safe before the log is emptied, and nothing is between the last look at it and that. */
  async #empty(log: number, state: State): Promise<void> {
    await this.#save(state);
    if (fstatSync(log).size !== state.offset) return;
    ftruncateSync(log);
    this.#state = { ...state, offset: 0 };
    // By the time of another agent, the log may be longer than it was.
    await this.#save(this.#state);
  }

  async #save(state: State): Promise<void> {
    await writePrivate(path.join(this.#folder, sumsName), JSON.stringify(state), { durable: false });
  }
}

/** The next lines and where they end. One without its end is still being written, unless it is longer than any of nginx. */
function linesFrom(log: number, offset: number): { readonly lines: string; readonly end: number } {
  const buffer = Buffer.allocUnsafe(1 << 16);
  let text = '';
  while (text.length < mostAtOnce) {
    const bytes = readSync(log, buffer, 0, buffer.length, offset + text.length);
    if (bytes === 0) break;
    text += buffer.toString('latin1', 0, bytes);
  }
  const lines = text.slice(0, text.lastIndexOf('\n') + 1);
  const read = lines === '' && text.length >= mostAtOnce ? text : lines;
  return { lines, end: offset + read.length };
}

/**
 * Adds the lines `$status $bytes_received $bytes_sent $remote_addr $remote_port $server_port` and answers whose they are. 502 is
 * nginx's word for "no target could be reached".
 */
export function addEnded(sums: State['sums'], text: string): ReadonlySet<string> {
  const ended = new Set<string>();
  for (const [, status, received, sent, host = '', port, listenerPort] of text.matchAll(line)) {
    if (status === '502') sums.refused++;
    sums.bytesIn += Number(received);
    sums.bytesOut += Number(sent);
    ended.add(sessionKey({ host, port: Number(port) }, Number(listenerPort)));
  }
  return ended;
}

const line = /^(\d{3}) (\d+) (\d+) ([\da-f.:]+) (\d+) (\d+)$/gm;
