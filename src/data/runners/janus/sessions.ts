import { messageOf, SciStreamError, toSciStreamError } from '../../../core/errors.js';
import type { Logger } from '../../../observe/logger.js';
import type { Job, Program, Running } from '../runner.js';
import { createMs, type JanusApi } from './api.js';
import { Unanswered } from './client.js';
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
  readonly gateway: string;
  readonly logger: Logger;
  readonly pollMs: number;
}

/** One Janus session for each reservation, recorded in its folder from before it is made until it is gone. */
export class JanusSessions {
  readonly #options: SessionsOptions;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  async start(job: Job, signal?: AbortSignal): Promise<Running> {
    const { folder } = job.place;
    // One that an earlier attempt could not delete would hold the ports.
    await this.forget(folder);
    try {
      return this.#running(job, await this.#make(job, signal));
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
    const ids = await this.#idsOf(record);
    for (const id of ids) await this.#end(id);
    if (ids.length === 0 && Date.now() < record.expectedUntil) {
      throw new SciStreamError(
        'UNAVAILABLE',
        'Janus may still make a session that it was asked for and did not answer about.',
      );
    }
    await removeRecord(folder);
  }

  async #make(job: Job, signal?: AbortSignal): Promise<Container> {
    const { api, node } = this.#options;
    const { id, problems } = await this.#create(job, signal);
    if (problems !== '') throw failed(job, `make the container on ${node}`, problems);
    const session = await api.start(id, signal);
    const trouble = problemsOf(session);
    if (session.state !== 'STARTED' || trouble !== '') {
      throw failed(job, `start the container on ${node}`, trouble || `the session is ${session.state}`);
    }
    const container = this.#containerOf(session);
    if (container === undefined) throw failed(job, `start the container on ${node}`, 'it names no container');
    return container;
  }

  /** The folder's record tells of it before, meanwhile and after. */
  async #create(job: Job, signal?: AbortSignal): Promise<{ readonly id: string; readonly problems: string }> {
    const { api, node, profile, images, gateway } = this.#options;
    const { folder } = job.place;
    const record = { gateway, arguments: commandLine(job.arguments), expectedUntil: 0 };
    await writeRecord(folder, { ...record, expectedUntil: Date.now() + createMs });
    const image = images[job.program.name];
    try {
      // Without `remove_container`: Docker would throw away the last words of a program that ends at once, and we delete it anyway.
      const made = await api.create({ instances: [node], image, profile, arguments: record.arguments }, signal);
      await writeRecord(folder, { ...record, session: made.id });
      return made;
    } catch (error) {
      if (!(error instanceof Unanswered)) await writeRecord(folder, record);
      throw error;
    }
  }

  #containerOf({ id: session, services }: JanusSession): Container | undefined {
    const { node } = this.#options;
    const id = services[node]?.[0]?.container_id;
    return id ? { session, node, id } : undefined;
  }

  #running(job: Job, container: Container): Running {
    const { api, pollMs } = this.#options;
    const end = async (): Promise<void> => {
      // By what is known, as the volume may not be there.
      await this.#end(container.session);
      await removeRecord(job.place.folder);
    };
    return new JanusRunning({ api, container, job, pollMs, end });
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
