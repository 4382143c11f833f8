import { messageOf } from '../../../core/errors.js';
import type { Logger } from '../../../observe/logger.js';
import { DockerEngine } from '../../../platform/docker/engine.js';
import type { DockerHost } from '../../../platform/docker/host.js';
import type { Program } from '../runner.js';
import { ProgramMissing } from './containers.js';
import { gatewayLabel, versionName } from './names.js';
import { runToEnd } from './run-to-end.js';
import type { ContainerUser } from './user.js';

/** Milliseconds for each request of a check: who asks waits for it. */
const requestMs = 3_000;

export interface VersionsOptions {
  readonly host: DockerHost;
  readonly gateway: string;
  readonly user: ContainerUser;
  readonly logger: Logger;
}

/** The versions of programs in images, each asked once of the program itself: an image does not change. */
export class Versions {
  readonly #options: VersionsOptions;
  readonly #engine: DockerEngine;
  /** By program and image id; undefined: it does not tell. */
  readonly #known = new Map<string, string | undefined>();

  constructor(options: VersionsOptions) {
    this.#options = options;
    this.#engine = new DockerEngine(options.host, requestMs);
  }

  /** Undefined when it cannot be known now. Throws UNAVAILABLE when the image, which people call `image`, lacks the program. */
  async of(program: Program, imageId: string, image: string): Promise<string | undefined> {
    const key = `${program.name} ${imageId}`;
    if (this.#known.has(key)) return this.#known.get(key);
    try {
      const version = await this.#ask(program, imageId);
      this.#known.set(key, version);
      return version;
    } catch (error) {
      if (error instanceof ProgramMissing) throw new ProgramMissing(image, program);
      // A session that needs the program finds out what is wrong, and another check asks again.
      this.#options.logger.debug({ image, reason: messageOf(error) }, `the version of ${program.name} is not known`);
      return undefined;
    }
  }

  async #ask(program: Program, image: string): Promise<string | undefined> {
    const { gateway, user } = this.#options;
    const plan = {
      // Not that of a reservation: an agent that starts would take it for what one before it has left, and end it.
      ...{ name: versionName(gateway, program.name), labels: { [gatewayLabel]: gateway } },
      ...{ image, arguments: program.versionArguments, user },
    };
    const { output } = await runToEnd(this.#engine, program, plan, `let ${program.name} tell its version`, requestMs);
    return program.versionPattern.exec(output)?.[1];
  }
}
