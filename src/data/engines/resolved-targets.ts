import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { formatEndpoint, type Endpoint } from '../../core/endpoint.js';
import { messageOf, SciStreamError } from '../../core/errors.js';
import type { Logger } from '../../observe/logger.js';
import type { Targets } from './engine.js';

/** A name may come to mean another address while a stream lives. */
const refreshMs = 30_000;

type Addresses = readonly (readonly Endpoint[])[];

/** Targets with their names looked up, again and again while they are in use. The loops know addresses only. */
export class ResolvedTargets implements Disposable {
  readonly #targets: readonly Targets[];
  readonly #onChange: (addresses: Addresses) => void;
  #addresses: Addresses;
  #timer: NodeJS.Timeout | undefined;

  private constructor(targets: readonly Targets[], addresses: Addresses, onChange: (addresses: Addresses) => void) {
    this.#targets = targets;
    this.#addresses = addresses;
    this.#onChange = onChange;
  }

  /** Throws CONN_ERROR when a name means nothing. */
  static async resolve(
    targets: readonly Targets[],
    onChange: (addresses: Addresses) => void,
  ): Promise<ResolvedTargets> {
    return new ResolvedTargets(targets, await lookUpAll(targets), onChange);
  }

  get addresses(): Addresses {
    return this.#addresses;
  }

  keepFresh(logger: Logger): void {
    if (this.#targets.flat().every(({ host }) => isIP(host) !== 0)) return;
    this.#timer = setInterval(() => {
      this.#refresh().catch((error: unknown) => {
        logger.warn({ reason: messageOf(error) }, 'a target name cannot be looked up; its last address stays in use');
      });
    }, refreshMs);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #refresh(): Promise<void> {
    const addresses = await lookUpAll(this.#targets);
    // Resolvers change the order with every answer.
    if (this.#timer === undefined || sorted(addresses) === sorted(this.#addresses)) return;
    this.#addresses = addresses;
    this.#onChange(addresses);
  }
}

function sorted(addresses: Addresses): string {
  return JSON.stringify(addresses.map((list) => list.map(formatEndpoint).sort()));
}

/** The addresses behind the names. Throws CONN_ERROR when one means nothing. */
export async function lookUpAll(targets: readonly Targets[]): Promise<Addresses> {
  return Promise.all(targets.map(async (list) => (await Promise.all(list.map(lookUp))).flat()));
}

/** All addresses of a name, as one of them may not answer. */
async function lookUp({ host, port }: Endpoint): Promise<Endpoint[]> {
  if (isIP(host) !== 0) return [{ host, port }];
  try {
    const found = await lookup(host, { all: true });
    return found.map(({ address }) => ({ host: address, port }));
  } catch (error) {
    throw new SciStreamError('CONN_ERROR', `Target ${host} is no known name: ${messageOf(error)}`, { cause: error });
  }
}
