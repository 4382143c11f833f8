import { messageOf, SciStreamError, toSciStreamError } from '../../../core/errors.js';
import type { Logger } from '../../../observe/logger.js';
import type { Job, Program, Running } from '../runner.js';
import { createMs, type JanusApi } from './api.js';
import { Unanswered } from './client.js';
import { commandLine } from './command-line.js';
import { hasEnded, isGone, type Container } from './container.js';
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
    for (const session of await this.#sessionsOf(record)) {
      const container = session.state === 'STARTED' ? this.#containerOf(session) : undefined;
      if (container === undefined || (await hasEnded(api, container))) continue;
      await writeRecord(folder, { ...record, session: session.id });
      return this.#running(job, container);
    }
    await this.forget(folder);
    return undefined;
  }

  /** Ends the session of a folder, if there is one, and its record. */
  async forget(folder: string): Promise<void> {
    const record = await readRecord(folder);
    if (record === undefined) return;
    const sessions = await this.#sessionsOf(record);
    for (const { id } of sessions) await this.#end(id);
    if (sessions.length === 0 && isExpected(record)) {
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

  /**
   * By its id; while that is not known, among all. In either case the arguments must be ours, which name a folder that nobody else
   * has: ids are given anew when Janus has lost its database.
   */
  async #sessionsOf(record: JanusRecord): Promise<readonly JanusSession[]> {
    const { api } = this.#options;
    const known = record.session === undefined ? await api.sessions() : [await api.session(record.session)];
    return known
      .flatMap((session) => session ?? [])
      .filter(({ request }) => request.some((asked) => asked.arguments === record.arguments));
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
      // What cannot be ended now, as Docker is away behind Janus, is not forgotten: it would run on without anybody knowing it.
      if (!isGone(error)) throw error;
      logger.warn(
        { session: id, reason: messageOf(error) },
        'Janus is made to forget a session whose container is gone',
      );
      await api.delete(id, { force: true });
    }
  }
}

/** Whether Janus may still make what it has not answered about; not for longer than that takes, whatever the clock was then. */
function isExpected({ expectedUntil }: JanusRecord): boolean {
  const left = expectedUntil - Date.now();
  return left > 0 && left <= createMs;
}

function failed({ program }: Job, what: string, words: string): SciStreamError {
  return new SciStreamError('SERVER_ERR', `Janus could not ${what} for ${program.name}: ${words}.`);
}
