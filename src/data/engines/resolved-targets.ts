import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { systemClock, type Clock } from '../../core/clock.js';
import { formatEndpoint, type Endpoint } from '../../core/endpoint.js';
import { messageOf, SciStreamError } from '../../core/errors.js';
import { passed } from '../../core/passed.js';
import type { Logger } from '../../observe/logger.js';
import type { Targets } from './engine.js';

/** A name may come to mean another address while a stream lives. */
const refreshMs = 30_000;

type Addresses = readonly (readonly Endpoint[])[];
/** Puts new addresses in force; when it cannot, it is asked again after a while. */
type OnChange = (addresses: Addresses) => void | Promise<void>;

/** What a test puts in place of the system's. */
interface Surroundings {
  readonly clock: Clock;
  readonly lookUp: (targets: readonly Targets[]) => Promise<Addresses>;
}

/** Targets with their names looked up, again and again while they are in use. The loops know addresses only. */
export class ResolvedTargets implements Disposable {
  readonly #targets: readonly Targets[];
  readonly #onChange: OnChange;
  readonly #surroundings: Surroundings;
  #addresses: Addresses;
  #stop: AbortController | undefined;

  private constructor(targets: readonly Targets[], addresses: Addresses, onChange: OnChange, around: Surroundings) {
    this.#targets = targets;
    this.#addresses = addresses;
    this.#onChange = onChange;
    this.#surroundings = around;
  }

  /** Throws CONN_ERROR when a name means nothing. */
  static async resolve(
    targets: readonly Targets[],
    onChange: OnChange,
    { clock = systemClock, lookUp = lookUpAll }: Partial<Surroundings> = {},
  ): Promise<ResolvedTargets> {
    return new ResolvedTargets(targets, await lookUp(targets), onChange, { clock, lookUp });
  }

  /** Those in force, or being put in force. */
  get addresses(): Addresses {
    return this.#addresses;
  }

  keepFresh(logger: Logger): void {
    if (this.#targets.flat().every(({ host }) => isIP(host) !== 0)) return;
    this.#stop = new AbortController();
    void this.#follow(logger, this.#stop.signal);
  }

  [Symbol.dispose](): void {
    this.#stop?.abort();
  }

  async #follow(logger: Logger, signal: AbortSignal): Promise<void> {
    for (;;) {
      await passed(refreshMs, signal, this.#surroundings.clock);
      if (signal.aborted) return;
      try {
        await this.#refresh(signal);
      } catch (error) {
        logger.warn(
          { reason: messageOf(error) },
          'addresses of target names could not be renewed; the last ones stay in use for now',
        );
      }
    }
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const addresses = await this.#surroundings.lookUp(this.#targets);
    // Resolvers change the order with every answer.
    if (signal.aborted || sorted(addresses) === sorted(this.#addresses)) return;
    const before = this.#addresses;
    this.#addresses = addresses;
    try {
      await this.#onChange(addresses);
    } catch (error) {
      this.#addresses = before;
      throw error;
    }
  }
}

function sorted(addresses: Addresses): string {
  return JSON.stringify(addresses.map((list) => list.map(formatEndpoint).sort()));
}

/** The addresses behind the names. Throws CONN_ERROR when one means nothing. */
export async function lookUpAll(targets: readonly Targets[]): Promise<Addresses> {
  const found = new Map<string, readonly string[]>();
  // One after the other, and none after one that fails: this process can wait for few names at a time, and others have some too.
  for (const { host } of targets.flat()) if (!found.has(host)) found.set(host, await lookUp(host));
  const addresses = ({ host, port }: Endpoint): Endpoint[] =>
    (found.get(host) ?? []).map((address) => ({ host: address, port }));
  return targets.map((list) => list.flatMap(addresses));
}

/** All addresses of a name, as one of them may not answer. */
async function lookUp(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    throw new SciStreamError('CONN_ERROR', `Target ${host} is no known name: ${messageOf(error)}`, { cause: error });
  }
}
