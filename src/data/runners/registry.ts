import type { Logger } from '../../observe/logger.js';
import { dockerRunner, type DockerOptions } from './docker.js';
import { embedded } from './embedded.js';
import { janusRunner, type JanusOptions } from './janus.js';
import { processRunner } from './process.js';
import type { ProgramRunner, Runner } from './runner.js';
import { unconfigured } from './unconfigured.js';

export interface Runners {
  readonly embedded: Runner;
  readonly process: ProgramRunner;
  readonly docker: ProgramRunner;
  readonly janus: ProgramRunner;
}

export interface RunnerOptions {
  /** Private; holds a folder for each reservation whose program runs on this machine. */
  readonly folder: string;
  readonly docker: Omit<DockerOptions, 'folder' | 'logger'>;
  /** Absent: the operator uses none. */
  readonly janus?: Omit<JanusOptions, 'logger'> | undefined;
  readonly logger: Logger;
}

export function createRunners({ folder, docker, janus, logger }: RunnerOptions): Runners {
  return {
    embedded,
    process: processRunner({ folder, logger }),
    docker: dockerRunner({ ...docker, folder, logger }),
    janus: janus
      ? janusRunner({ ...janus, logger })
      : unconfigured('Janus is not set up; give --janus-url, --janus-user, --janus-instance and --janus-volume.'),
  };
}
