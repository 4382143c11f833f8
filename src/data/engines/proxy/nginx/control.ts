import { link, rm } from 'node:fs/promises';
import path from 'node:path';
import { SciStreamError } from '../../../../core/errors.js';
import { Serial } from '../../../../core/serial.js';
import { until } from '../../../../core/until.js';
import { socketPath } from '../../../../platform/state-dir.js';
import type { ConnectionInfo, Counters } from '../../engine.js';
import type { ProxyControl, ProxyControlOptions, ProxySettings } from '../proxy.js';
import { SessionLog } from './session-log.js';
import { askStatus } from './status.js';

/** It starts its new workers at once and ends the old ones a tenth of a second later. */
const reloadMs = 15_000;

/** Reloads nginx, and counts from its status page and the log of the connections that ended. */
export class NginxControl implements ProxyControl {
  readonly #options: ProxyControlOptions;
  readonly #statusFile: (settings: ProxySettings) => string;
  readonly #log: SessionLog;
  readonly #turn = new Serial();
  /** Where the configuration in force answers. */
  #current: string;

  constructor(options: ProxyControlOptions, statusFile: (settings: ProxySettings) => string) {
    this.#options = options;
    this.#statusFile = statusFile;
    this.#log = new SessionLog(options.place.folder);
    this.#current = statusFile(options.settings);
  }

  async ready(signal: AbortSignal): Promise<void> {
    await until('nginx answering', Infinity, () => answers(this.#current), signal);
  }

  /**
   * New workers listen at another status socket. The old ones accept connections until they close all their listeners, which a
   * second name of their socket's file tells: nobody listens there any more.
   */
  apply(settings: ProxySettings): Promise<void> {
    return this.#turn.run(async () => {
      const next = this.#statusFile(settings);
      if (next === this.#current) return;
      const old = socketPath(this.#options.place.folder, 'old.sock');
      await rm(old, { force: true });
      await link(this.#current, old);
      try {
        await this.#options.running.signal('SIGHUP');
        await until('the reload', reloadMs, async () => (await answers(next)) && !(await answers(old)));
      } catch (cause) {
        const file = path.join(this.#options.place.folder, 'nginx.conf');
        throw new SciStreamError('SERVER_ERR', `nginx did not follow ${file}; the log has its own words.`, { cause });
      } finally {
        await rm(old, { force: true });
      }
      this.#current = next;
    });
  }

  /** The bytes are those of connections that have ended. */
  counters(): Promise<Counters> {
    return this.#turn.run(async () => {
      const { open, total } = await askStatus(this.#current);
      const { refused, bytesIn, bytesOut } = await this.#log.read();
      return { bytesIn, bytesOut, openConnections: open, totalConnections: total, refusedConnections: refused };
    });
  }

  connections(): Promise<readonly ConnectionInfo[]> {
    return Promise.resolve([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Every question has a connection of its own, which it closes.
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
