import { formatEndpoint, type Endpoint } from '../../../../core/endpoint.js';
import { SciStreamError } from '../../../../core/errors.js';
import { Serial } from '../../../../core/serial.js';
import { until } from '../../../../core/until.js';
import type { ConnectionInfo, Targets } from '../../engine.js';
import type { ProxyControl, ProxyControlOptions, ProxySettings, Snapshot } from '../proxy.js';
import { canonicalHost } from '../tcp-sockets.js';
import { ask } from './admin-socket.js';
import { LiveBytes } from './live-bytes.js';
import { parseSessions, type Session } from './sessions.js';
import { parseServers, parseStat, type ServerState } from './tables.js';

/** Listing the connections stops the forwarding for some microseconds each: not among very many. */
const mostListed = 1000;

/**
 * Changes targets through the admin socket, without a reload: server i of a backend is given target i. Where there are too few
 * servers some are added, as slots in advance would have to be 256 for each listener; those too many rest, and are used again.
 */
export class HaproxyControl implements ProxyControl {
  readonly #socket: string;
  readonly #settings: ProxySettings;
  readonly #changes = new Serial();
  readonly #polls = new Serial();
  readonly #live = new LiveBytes();

  constructor({ settings }: ProxyControlOptions, socket: string) {
    this.#socket = socket;
    this.#settings = settings;
  }

  async ready(signal: AbortSignal): Promise<void> {
    await until('HAProxy answering', Infinity, () => this.#answers(), signal);
  }

  apply({ streams, maxRate }: ProxySettings): Promise<void> {
    if (maxRate !== this.#settings.maxRate) return Promise.reject(fixedRate());
    return this.#changes.run(async () => {
      const before = await this.#servers();
      for (const [index, { targets }] of streams.entries()) {
        for (const command of changes(`out${index}`, targets, before.get(`out${index}`) ?? []))
          await this.#ask(command);
      }
      // Its answers are words for people: what it does is asked instead.
      const after = await this.#servers();
      for (const [index, { targets }] of streams.entries()) {
        const open = changes(`out${index}`, targets, after.get(`out${index}`) ?? []);
        if (open[0] !== undefined) throw new SciStreamError('SERVER_ERR', `HAProxy did not follow "${open[0]}".`);
      }
    });
  }

  snapshot(): Promise<Snapshot> {
    return this.#polls.run(async () => {
      const sums = parseStat(await this.#ask('show stat -1 3 -1'));
      const sessions = sums.openConnections > mostListed ? undefined : parseSessions(await this.#ask('show sess all'));
      const counters = { ...sums, ...this.#live.add(sums, sessions) };
      return { counters, connections: sessions?.flatMap((session) => this.#connection(session)) ?? [] };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Every question has a connection of its own, which it closes.
  }

  async #answers(): Promise<boolean> {
    try {
      return (await this.#ask('show info')).includes('Name: HAProxy');
    } catch {
      return false;
    }
  }

  #connection({ id: _id, frontend, ...session }: Session): readonly ConnectionInfo[] {
    const listener = this.#settings.streams[Number(frontend.slice(2))]?.listener;
    return listener ? [{ listener, ...session }] : [];
  }

  async #servers(): Promise<ReadonlyMap<string, readonly ServerState[]>> {
    return parseServers(await this.#ask('show servers state'));
  }

  #ask(command: string): Promise<string> {
    return ask(this.#socket, command);
  }
}

function fixedRate(): SciStreamError {
  return new SciStreamError(
    'NOT_IMPLEMENTED',
    'HAProxy keeps the limit of the rate with which a stream was requested; release it and request it again.',
  );
}

/** The commands that bring a backend's servers to these targets; none when they are there. */
function changes(backend: string, targets: Targets, servers: readonly ServerState[]): readonly string[] {
  const known = new Map(servers.map((server) => [server.name, server]));
  const wanted = targets.flatMap((target, index) => {
    const name = `s${index}`;
    const server = known.get(name);
    known.delete(name);
    return changesOf(`${backend}/${name}`, target, server);
  });
  const superfluous = [...known.values()].filter(({ inUse }) => inUse);
  return [...wanted, ...superfluous.map(({ name }) => `set server ${backend}/${name} state maint`)];
}

function changesOf(name: string, target: Endpoint, server: ServerState | undefined): readonly string[] {
  const use = `set server ${name} state ready`;
  if (!server) return [`add server ${name} ${formatEndpoint(target)}`, use];
  const same = server.port === target.port && canonicalHost(server.host) === canonicalHost(target.host);
  const move = `set server ${name} addr ${target.host} port ${target.port}`;
  return [...(same ? [] : [move]), ...(server.inUse ? [] : [use])];
}
