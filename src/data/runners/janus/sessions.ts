import { messageOf, SciStreamError, toSciStreamError } from '../../../core/errors.js';
import type { Logger } from '../../../observe/logger.js';
import type { Job, Program, Running } from '../runner.js';
import type { JanusApi } from './api.js';
import { commandLine } from './command-line.js';
import { hasEnded, type Container } from './container.js';
import { readRecord, removeRecord, writeRecord, type JanusRecord } from './record.js';
import { JanusRunning } from './running.js';
import { problemsOf, type JanusSession } from './shapes.js';

export interface SessionsOptions {
  readonly api: JanusApi;
  readonly node: string;
  readonly profile: string;
  readonly images: Readonly<Record<Program['name'], string>>;
  readonly logger: Logger;
  readonly pollMs: number;
}

/** One Janus session for each reservation, recorded in its folder from before it is made until it is gone. */
export class JanusSessions {
  readonly #options: SessionsOptions;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  async start(job: Job): Promise<Running> {
    const { folder } = job.place;
    // One that an earlier attempt could not delete would hold the ports.
    await this.forget(folder);
    const record = { arguments: commandLine(job.arguments) };
    await writeRecord(folder, record);
    try {
      return this.#running(job, await this.#make(job, record));
    } catch (error) {
      try {
        await this.forget(folder);
      } catch (left) {
        this.#options.logger.warn({ id: job.id, reason: messageOf(left) }, 'a session stays in Janus for now');
      }
      throw error;
    }
  }

  async adopt(job: Job): Promise<Running | undefined> {
    const { api } = this.#options;
    const { folder } = job.place;
    const record = await readRecord(folder);
    if (record === undefined) return undefined;
    for (const id of await this.#idsOf(record)) {
      const session = await api.session(id);
      const container = session?.state === 'STARTED' ? this.#containerOf(session) : undefined;
      if (container === undefined || (await hasEnded(api, container))) continue;
      await writeRecord(folder, { ...record, session: id });
      return this.#running(job, container);
    }
    await this.forget(folder);
    return undefined;
  }

  /** Ends the session of a folder, if there is one, and its record. */
  async forget(folder: string): Promise<void> {
    const record = await readRecord(folder);
    if (record === undefined) return;
    for (const id of await this.#idsOf(record)) await this.#end(id);
    await removeRecord(folder);
  }

  async #make(job: Job, record: JanusRecord): Promise<Container> {
    const { api, node, profile, images } = this.#options;
    const image = images[job.program.name];
    // Without `remove_container`: Docker would throw away the last words of a program that ends at once, and we delete it anyway.
    const { id, problems } = await api.create({ instances: [node], image, profile, arguments: record.arguments });
    await writeRecord(job.place.folder, { ...record, session: id });
    if (problems !== '') throw failed(job, `make the container on ${node}`, problems);
    const session = await api.start(id);
    const trouble = problemsOf(session);
    if (session.state !== 'STARTED' || trouble !== '') {
      throw failed(job, `start the container on ${node}`, trouble || `the session is ${session.state}`);
    }
    const container = this.#containerOf(session);
    if (container === undefined) throw failed(job, `start the container on ${node}`, 'it names no container');
    return container;
  }

  #containerOf({ id: session, services }: JanusSession): Container | undefined {
    const { node } = this.#options;
    const id = services[node]?.[0]?.container_id;
    return id ? { session, node, id } : undefined;
  }

  #running(job: Job, container: Container): Running {
    const { api, pollMs } = this.#options;
    return new JanusRunning({ api, container, job, pollMs, end: () => this.forget(job.place.folder) });
  }

  /** By its id; while that is not known, by the arguments, which name a folder that nobody else has. */
  async #idsOf(record: JanusRecord): Promise<readonly string[]> {
    if (record.session !== undefined) return [record.session];
    if (record.arguments === '') return [];
    const all = await this.#options.api.sessions();
    return all
      .filter(({ request }) => request.some((asked) => asked.arguments === record.arguments))
      .map(({ id }) => id);
  }

  async #end(id: string): Promise<void> {
    const { api, logger } = this.#options;
    // Deleting stops as well, but Janus returns the ports it counts only when told to stop.
    await api.stop(id).catch((error: unknown) => {
      if (toSciStreamError(error).code === 'UNAVAILABLE') throw error;
      logger.debug({ session: id, reason: messageOf(error) }, 'Janus did not stop a session');
    });
    try {
      await api.delete(id);
    } catch (error) {
      if (toSciStreamError(error).code === 'UNAVAILABLE') throw error;
      logger.warn({ session: id, reason: messageOf(error) }, 'Janus is made to forget a session with a container left');
      await api.delete(id, { force: true });
    }
  }
}

function failed({ program }: Job, what: string, words: string): SciStreamError {
  return new SciStreamError('SERVER_ERR', `Janus could not ${what} for ${program.name}: ${words}.`);
}
