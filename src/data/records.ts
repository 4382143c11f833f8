import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { formatEndpoint, parseEndpoint, parseEndpoints } from '../core/endpoint.js';
import { errnoOf } from '../core/errors.js';
import { parseRole } from '../core/identity.js';
import { keyFromHex, parseTransport } from '../core/protection.js';
import type { Logger } from '../observe/logger.js';
import { writePrivate } from '../platform/state-dir.js';
import type { Targets } from './engines/engine.js';

const endpoint = z.string().transform(parseEndpoint);

const schema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  uid: z.string().optional(),
  type: z.string(),
  role: z.string().transform(parseRole),
  security: z.string(),
  key: z.string().transform(keyFromHex).optional(),
  transport: z.string().transform(parseTransport),
  maxRate: z.number().nonnegative(),
  listeners: z.array(endpoint),
  targets: z.array(z.array(z.string()).transform((list): Targets => parseEndpoints(list))),
  annotations: z.record(z.string(), z.string()),
});

/** What an agent must know to take over a stream that one before it has set up. */
export type ReservationRecord = z.output<typeof schema>;

/** The reservations whose programs outlive the agent, each in a file of its own that only this user can read. */
export class Records {
  readonly #folder: string;
  readonly #logger: Logger;

  /** `folder` need not exist yet. */
  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  async write(record: ReservationRecord): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const { listeners, targets, key } = record;
    const text = JSON.stringify({
      ...record,
      key: key && Buffer.from(key.expose()).toString('hex'),
      listeners: listeners.map(formatEndpoint),
      targets: targets.map((list) => list.map(formatEndpoint)),
    });
    await writePrivate(this.#file(record.id), text);
  }

  /** From now on it tells that there is something to end, without its secrets; if it cannot, it is removed. */
  async giveUp({ key: _, ...record }: ReservationRecord): Promise<void> {
    await this.write({ ...record, targets: [] }).catch(() => this.remove(record.id));
  }

  remove(id: string): Promise<void> {
    return rm(this.#file(id), { force: true });
  }

  /** One that cannot be read is logged and removed: its program is ended with all others that nobody knows. */
  async all(): Promise<readonly ReservationRecord[]> {
    const names = await readdir(this.#folder).catch((error: unknown): string[] => {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    });
    // Half-written ones of an agent that died.
    for (const name of names) if (name.endsWith('.tmp')) await rm(path.join(this.#folder, name), { force: true });
    const found = names.filter((name) => name.endsWith('.json')).map((name) => this.#read(name));
    return (await Promise.all(found)).flatMap((record) => record ?? []);
  }

  async #read(name: string): Promise<ReservationRecord | undefined> {
    const file = path.join(this.#folder, name);
    const record = parseRecord(await readFile(file, 'utf8'));
    if (!record) {
      // Not what is wrong with it: it may hold a key.
      this.#logger.error({ file }, 'the record of a reservation cannot be understood and is removed');
      await rm(file, { force: true });
    }
    return record;
  }

  #file(id: string): string {
    return path.join(this.#folder, `${id}.json`);
  }
}

function parseRecord(text: string): ReservationRecord | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
