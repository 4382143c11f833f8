import { messageOf, SciStreamError } from '../../core/errors.js';
import type { Logger } from '../../observe/logger.js';
import { DockerEngine } from '../../platform/docker/engine.js';
import { parseDockerHost } from '../../platform/docker/host.js';
import { launch, removeContainer, reservationsOf } from './docker/containers.js';
import { checkImage, imageReference, parseImageName, type ImageNames } from './docker/images.js';
import { carries, checkName, containerName, labelsOf, uidLabels } from './docker/names.js';
import type { ProgramPlan } from './docker/container-options.js';
import { runToEnd } from './docker/run-to-end.js';
import { RunningContainer } from './docker/running-container.js';
import { handOver, parseContainerUser, type ContainerUser } from './docker/user.js';
import { Versions } from './docker/versions.js';
import { Places } from './places.js';
import type { Availability, Job, Place, Program, ProgramRunner, Running } from './runner.js';
import { lastWords } from './words.js';

export interface DockerOptions {
  /** Of all reservations; each gets a private folder in it. The Engine must see it at the same path. */
  readonly folder: string;
  /** As parseDockerHost reads it; undefined is the usual socket of this machine. */
  readonly host: string | undefined;
  readonly images: ImageNames;
  /** Marks our containers: unique among the gateways that share an Engine, and the same after a restart. */
  readonly gateway: string;
  /** UID or UID:GID of programs; undefined means ourselves, or nobody when we are root. */
  readonly user?: string;
  readonly logger: Logger;
}

/** Milliseconds for the Engine to say whether it is there. */
const checkMs = 2_000;
/** Milliseconds for the Engine to answer a question at the end of things. */
const answerMs = 5_000;
/** Milliseconds for a program to check its configuration. */
const verifyMs = 10_000;

/**
 * Runs programs in containers of a Docker Engine on this machine, one for each reservation. Throws BAD_FORMAT for an option
 * that cannot be used; the Engine is asked when it is needed.
 */
export function dockerRunner(options: DockerOptions): ProgramRunner {
  return new DockerRunner(options);
}

class DockerRunner implements ProgramRunner {
  readonly #engine: DockerEngine;
  readonly #places: Places;
  readonly #images: ImageNames;
  readonly #gateway: string;
  readonly #user: ContainerUser;
  readonly #versions: Versions;
  readonly #logger: Logger;

  constructor({ folder, host, images, gateway, user, logger }: DockerOptions) {
    const engine = parseDockerHost(host);
    this.#engine = new DockerEngine(engine);
    this.#places = new Places(folder, 'docker');
    this.#images = {
      haproxy: parseImageName(images.haproxy, 'haproxy'),
      nginx: parseImageName(images.nginx, 'nginx'),
      stunnel: parseImageName(images.stunnel, 'stunnel'),
    };
    this.#gateway = gateway;
    this.#user = parseContainerUser(user);
    this.#versions = new Versions({ host: engine, gateway, user: this.#user, logger });
    this.#logger = logger;
  }

  async check(program: Program): Promise<Availability> {
    const { name } = program;
    try {
      const image = await checkImage(this.#engine, this.#images[name], name, checkMs);
      const version = await this.#versions.of(program, image.id, this.#images[name]);
      return { available: true, version: `${version ?? 'version not known'} (${image.description})` };
    } catch (error) {
      return { available: false, reason: messageOf(error) };
    }
  }

  async place(id: string): Promise<Place> {
    const place = await this.#places.make(id);
    await handOver(place.folder, this.#user);
    return place;
  }

  async verify(job: Job): Promise<void> {
    // A program that cannot check still has to be able to read what was written.
    if (!job.checkArguments) return handOver(job.place.folder, this.#user);
    const plan = await this.#plan(job, checkName(job.id), job.checkArguments);
    const doing = `let ${job.program.name} check its configuration`;
    const { exitCode, output } = await runToEnd(this.#engine, job.program, plan, doing, verifyMs);
    if (exitCode === 0) return;
    throw new SciStreamError(
      'SERVER_ERR',
      `${job.program.name} does not accept its configuration: ${lastWords(output) || `exit code ${exitCode}`}`,
    );
  }

  async start(job: Job, signal?: AbortSignal): Promise<Running> {
    signal?.throwIfAborted();
    const plan = await this.#plan(job, containerName(job.id), job.arguments);
    return this.#running(await launch(this.#engine, job.program, plan), job, 'start');
  }

  async adopt(job: Job): Promise<Running | undefined> {
    const info = await this.#engine.inspect(containerName(job.id));
    const ours = info?.State.Running === true && carries(info.Config.Labels, labelsOf(job.id, this.#gateway));
    return ours ? this.#running(info.Id, job, 'now') : undefined;
  }

  async left(): Promise<readonly string[]> {
    const [known, labeled] = [await this.#places.ids(), await this.#labeled()];
    // Their folder is lost: another one says that there is something to end, until it is ended.
    for (const id of labeled) if (!known.includes(id)) await this.#places.make(id);
    return [...new Set([...known, ...labeled])];
  }

  async end(id: string): Promise<void> {
    // Where there is none, nothing was started: the Engine need not be there.
    if ((await this.#places.find(id)) !== undefined) {
      await this.#places.strip(id);
      await this.#endContainers(id);
    }
    await this.#places.remove(id);
  }

  async #plan({ id, uid, program, place }: Job, name: string, args: readonly string[]): Promise<ProgramPlan> {
    await handOver(place.folder, this.#user);
    return {
      name,
      labels: labelsOf(id, this.#gateway),
      notes: uidLabels(uid),
      image: await imageReference(this.#engine, this.#images[program.name], program.name),
      arguments: args,
      user: this.#user,
      folder: place.seenAs,
    };
  }

  #running(id: string, { place, logger }: Job, log: 'start' | 'now'): Running {
    return new RunningContainer({
      engine: this.#engine,
      id,
      log,
      logger,
      handOver: () => handOver(place.folder, this.#user),
    });
  }

  async #endContainers(id: string): Promise<void> {
    for (const name of [containerName(id), checkName(id)]) {
      const info = await this.#engine.inspect(name, { ms: answerMs });
      if (info && carries(info.Config.Labels, labelsOf(id, this.#gateway)))
        await removeContainer(this.#engine, info.Id);
    }
  }

  /** The reservations whose containers tell so; none where there is no Engine, as there have probably never been any. */
  async #labeled(): Promise<readonly string[]> {
    try {
      return await reservationsOf(this.#engine, this.#gateway);
    } catch (error) {
      this.#logger.debug({ reason: messageOf(error) }, 'whether there are containers of earlier agents is not known');
      return [];
    }
  }
}
