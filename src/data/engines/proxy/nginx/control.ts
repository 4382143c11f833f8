import { link, rm } from 'node:fs/promises';
import path from 'node:path';
import { SciStreamError } from '../../../../core/errors.js';
import { Serial } from '../../../../core/serial.js';
import { until } from '../../../../core/until.js';
import { socketPath } from '../../../../platform/state-dir.js';
import type { ConnectionInfo } from '../../engine.js';
import type { ProxyControl, ProxyControlOptions, ProxySettings, Snapshot } from '../proxy.js';
import { establishedAt, type SocketInfo } from '../tcp-sockets.js';
import { sessionKey, SessionLog } from './session-log.js';
import { askAll, askStatus, type Status } from './status.js';

/** It starts its new workers at once and ends the old ones a tenth of a second later. */
const reloadMs = 15_000;

/** Reloads nginx, and counts from its status page, the log of the connections that ended, and what the system tells of others. */
export class NginxControl implements ProxyControl {
  readonly #options: ProxyControlOptions;
  readonly #statusFile: (settings: ProxySettings) => string;
  readonly #log: SessionLog;
  readonly #turn = new Serial();

  constructor(options: ProxyControlOptions, statusFile: (settings: ProxySettings) => string) {
    this.#options = options;
    this.#statusFile = statusFile;
    this.#log = new SessionLog(options.place.folder);
  }

  /** Under whatever configuration: an earlier agent may have written one that nginx was never told to follow. */
  async ready(signal: AbortSignal): Promise<void> {
    await until('nginx answering', Infinity, async () => (await this.#answers()).size > 0, signal);
  }

  /**
   * New workers listen at another status socket. The old ones accept connections until they close all their listeners, which a
   * second name of their socket's file tells: nobody listens there any more.
   */
  apply(settings: ProxySettings): Promise<void> {
    return this.#turn.run(async () => {
      const next = this.#statusFile(settings);
      const files = [...(await this.#answers()).keys()];
      const current = files.find((file) => file !== next) ?? files[0];
      if (current === next) return;
      const old = socketPath(this.#options.place.folder, 'old.sock');
      await rm(old, { force: true });
      try {
        if (current !== undefined) await link(current, old);
        await this.#options.running.signal('SIGHUP');
        await until('the reload', reloadMs, async () => (await answers(next)) && !(await answers(old)));
      } catch (cause) {
        const file = path.join(this.#options.place.folder, 'nginx.conf');
        throw new SciStreamError('SERVER_ERR', `nginx did not follow ${file}; the log has its own words.`, { cause });
      } finally {
        await rm(old, { force: true });
      }
    });
  }

  /** Where the system does not tell the bytes of an open connection, those of all are not known until it has ended. */
  snapshot(): Promise<Snapshot> {
    return this.#turn.run(async () => {
      const { open: openConnections, total: totalConnections } = await this.#status();
      const seen = await this.#sockets(openConnections);
      // Read last: nginx logs the end of a connection before it closes it, so none is missed.
      const { sums, news } = await this.#log.read();
      const open = seen?.filter(({ client, listener }) => !news.has(sessionKey(client, listener.port)));
      const connections = open?.flatMap((one) => this.#connection(one)) ?? [];
      const bytes = {
        bytesIn: connections.reduce((sum, { bytesIn }) => sum + bytesIn, sums.bytesIn),
        bytesOut: connections.reduce((sum, { bytesOut }) => sum + bytesOut, sums.bytesOut),
      };
      const known = { openConnections, totalConnections, refusedConnections: sums.refused };
      return { counters: open?.length === connections.length ? { ...known, ...bytes } : known, connections };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Every question has a connection of its own, which it closes.
  }

  /** Undefined where the system does not tell them: it knows nothing of flows of datagrams. */
  async #sockets(open: number): Promise<readonly SocketInfo[] | undefined> {
    const { transport, streams } = this.#options.settings;
    if (open === 0) return [];
    return transport === 'udp' ? undefined : establishedAt(streams.map(({ listener }) => listener));
  }

  /** None when the system does not tell its bytes. */
  #connection({ listener, client, bytesIn, bytesOut, ...path }: SocketInfo): readonly ConnectionInfo[] {
    if (bytesIn === undefined || bytesOut === undefined) return [];
    return [{ listener, client, bytesIn, bytesOut, ...(this.#options.settings.wan === 'listener' && path) }];
  }

  /** All workers share the numbers, those of the configuration before too. */
  async #status(): Promise<Status> {
    const [status] = (await this.#answers()).values();
    if (status) return status;
    throw new SciStreamError('SERVER_ERR', `nginx does not answer in ${this.#options.place.folder}.`);
  }

  #answers(): Promise<ReadonlyMap<string, Status>> {
    return askAll(this.#options.place.folder);
  }
}

async function answers(socketFile: string): Promise<boolean> {
  try {
    await askStatus(socketFile);
    return true;
  } catch {
    return false;
  }
}
