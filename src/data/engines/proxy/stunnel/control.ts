import type { Endpoint } from '../../../../core/endpoint.js';
import { formatEndpoint } from '../../../../core/endpoint.js';
import { messageOf, SciStreamError } from '../../../../core/errors.js';
import { Serial } from '../../../../core/serial.js';
import { until } from '../../../../core/until.js';
import type { ConnectionInfo } from '../../engine.js';
import type { ProxyControl, ProxyControlOptions, ProxySettings, Snapshot } from '../proxy.js';
import { canonicalHost, tcpSockets, type TcpSocket } from '../tcp-sockets.js';
import { Journal, type OpenConnection } from './journal.js';
import { LogFile } from './log-file.js';

/** Milliseconds that a reload may take; it takes a few. */
const reloadMs = 10_000;
/** Milliseconds; the caller's deadline comes before. */
const startMs = 120_000;

interface Measured extends Pick<ConnectionInfo, 'bytesIn' | 'bytesOut' | 'rttUs' | 'retransmits'> {
  readonly connection: OpenConnection;
  /** Whether its bytes are. */
  readonly known: boolean;
}

/** Speaks with stunnel by signals; the answers are in its log. */
export class StunnelControl implements ProxyControl {
  readonly #options: ProxyControlOptions;
  readonly #client: boolean;
  readonly #journal: Journal;
  readonly #log: LogFile;
  readonly #changes = new Serial();
  #settings: ProxySettings;
  #ended: string | undefined;

  constructor(options: ProxyControlOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#client = options.settings.wan === 'target';
    this.#journal = new Journal(this.#client);
    const { running, place, logger, adopted } = options;
    const reopen = () => running.signal('SIGUSR1');
    this.#log = new LogFile({ folder: place.folder, journal: this.#journal, logger, adopted, reopen });
    void running.ended.then((reason) => {
      this.#ended = reason;
    });
  }

  async ready(signal: AbortSignal): Promise<void> {
    await until('stunnel opening its listeners', startMs, () => this.#serves(1), signal);
  }

  apply(settings: ProxySettings): Promise<void> {
    return this.#changes.run(async () => {
      await this.#log.read();
      const { accepted, refused } = this.#journal;
      this.#journal.troubles = [];
      await this.#options.running.signal('SIGHUP');
      await this.#reloaded(accepted + 1, refused);
      this.#settings = settings;
    });
  }

  async #reloaded(accepted: number, refused: number): Promise<void> {
    const words = (): string => this.#journal.troubles.join('; ') || 'it does not say why';
    try {
      await until('stunnel reloading', reloadMs, async () => {
        const serves = await this.#serves(accepted);
        if (this.#journal.refused === refused) return serves;
        throw new SciStreamError('SERVER_ERR', `stunnel refuses its configuration: ${words()}.`);
      });
    } catch (error) {
      // When a port was taken in the meantime, stunnel goes on trying.
      if (!(error instanceof SciStreamError) || error.code !== 'TIMEOUT') throw error;
      throw new SciStreamError('SERVER_ERR', `stunnel does not take up its new configuration: ${words()}.`, {
        cause: error,
      });
    }
  }

  /** Whether all listeners are open, under a configuration that is at least the one with that number. */
  async #serves(accepted: number): Promise<boolean> {
    if (this.#ended !== undefined) throw new SciStreamError('SERVER_ERR', `stunnel has ended: ${this.#ended}`);
    await this.#log.read();
    return this.#journal.accepted >= accepted && this.#journal.bound >= this.#settings.streams.length;
  }

  async snapshot(): Promise<Snapshot> {
    await this.#log.read();
    const measured = await this.#measure();
    const { totalConnections, refusedConnections, failedHandshakes, bytesIn, bytesOut, open } = this.#journal;
    const known = { totalConnections, refusedConnections, failedHandshakes, openConnections: open.size };
    if (!measured) return { counters: known, connections: [] };
    const rtts = measured.flatMap(({ rttUs }) => rttUs ?? []);
    const counters = {
      ...known,
      bytesIn: bytesIn + sum(measured.map((one) => one.bytesIn)),
      bytesOut: bytesOut + sum(measured.map((one) => one.bytesOut)),
      ...(rtts.length > 0 && { rttUs: Math.round(sum(rtts) / rtts.length) }),
    };
    return { counters, connections: measured.flatMap((one) => this.#connection(one)) };
  }

  #connection({ connection: { stream, client, target }, known, ...numbers }: Measured): readonly ConnectionInfo[] {
    const listener = known && this.#settings.streams[stream]?.listener;
    return listener ? [{ listener, client, ...(target && { target }), ...numbers }] : [];
  }

  /** Payload is counted on the leg without TLS, the path on the other one. Undefined when the system cannot tell. */
  async #measure(): Promise<readonly Measured[] | undefined> {
    const { open } = this.#journal;
    if (open.size === 0) return [];
    const reached = [...open].flatMap(([id, { target }]) => (target ? [{ id, port: target.port }] : []));
    const listeners = this.#settings.streams.map(({ listener }) => listener.port);
    const sockets = await tcpSockets({ local: listeners, remote: reached.map(({ port }) => port) });
    // stunnel logs an end before it closes: what is open after this was open while the sockets were listed.
    await this.#log.read();
    const counted = sockets?.filter(({ bytesReceived }) => bytesReceived !== undefined) ?? [];
    const byEnds = new Map(counted.flatMap((socket) => keysOf(socket).map((key) => [key, socket])));
    const still = new Set(reached.flatMap(({ id }) => open.get(id) ?? []));
    const measured = [...open.values()].map((connection) => this.#measureOne(connection, byEnds));
    const unknown = measured.filter(({ connection, known }) => still.has(connection) && !known);
    return unknown.length > 0 && unknown.length === still.size ? undefined : measured;
  }

  #measureOne(connection: OpenConnection, byEnds: ReadonlyMap<string, TcpSocket>): Measured {
    const { stream, client, target, local } = connection;
    const listener = this.#settings.streams[stream]?.listener;
    const near = listener && byEnds.get(keyOf(listener.port, client));
    const far = target && local && byEnds.get(keyOf(local, target));
    const [plain, wan] = this.#client ? [near, far] : [far, near];
    const received = plain?.bytesReceived ?? 0;
    const sent = plain?.bytesSent ?? 0;
    return {
      connection,
      known: plain !== undefined,
      bytesIn: this.#client ? received : sent,
      bytesOut: this.#client ? sent : received,
      ...(wan?.rttUs !== undefined && { rttUs: wan.rttUs }),
      ...(wan?.retransmits !== undefined && { retransmits: wan.retransmits }),
    };
  }

  /** Its last words are of interest, perhaps the reason why it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#log.read();
    } catch (error) {
      this.#options.logger.debug({ reason: messageOf(error) }, 'the log of stunnel could not be read');
    }
  }
}

/** Of a connection to a target its own address is known; of one to a listener only the port, when that is at any address. */
function keysOf({ local, remote }: TcpSocket): readonly string[] {
  return [keyOf(local, remote), keyOf(local.port, remote)];
}

function keyOf(local: Endpoint | number, remote: Endpoint): string {
  const written = ({ host, port }: Endpoint): string => formatEndpoint({ host: canonicalHost(host), port });
  return `${typeof local === 'number' ? local : written(local)} ${written(remote)}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
