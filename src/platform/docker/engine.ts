import type Docker from 'dockerode';
import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { Deadline } from '../../core/deadline.js';
import { abortReason, orAborted } from '../../core/deferred.js';
import { SciStreamError } from '../../core/errors.js';
import { engineError, lateError, statusOf } from './errors.js';
import type { DockerHost } from './host.js';

const defaultDeadlineMs = 30_000;

const containerInfo = z.object({
  Id: z.string(),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  State: z.object({ Running: z.boolean(), ExitCode: z.number(), OOMKilled: z.boolean(), Error: z.string() }),
});

/** What we need to know of a container. */
export type ContainerInfo = z.infer<typeof containerInfo>;

export interface CallOptions {
  readonly ms?: number;
  /** Gives up earlier. */
  readonly signal?: AbortSignal;
}

/** A Docker Engine's API. Every call has a deadline: the library waits forever for an Engine that dies while it answers. */
export class DockerEngine {
  readonly host: DockerHost;
  readonly #longestMs: number;
  #docker: Promise<Docker> | undefined;

  /** `longestMs`: what no call takes longer than, whatever it asks for. */
  constructor(host: DockerHost, longestMs = Infinity) {
    this.host = host;
    this.#longestMs = longestMs;
  }

  /** Sends a request; `doing` completes "could not …". Throws as `engineError` says, or the reason of the caller's signal. */
  async call<T>(
    doing: string,
    request: (docker: Docker, signal: AbortSignal) => Promise<T>,
    { ms: wanted = defaultDeadlineMs, signal: given }: CallOptions = {},
  ): Promise<T> {
    const ms = Math.min(wanted, this.#longestMs);
    using deadline = new Deadline(ms, given);
    const { signal } = deadline;
    try {
      this.#docker ??= connect(this.host);
      return await orAborted(request(await this.#docker, signal), signal);
    } catch (error) {
      if (given?.aborted === true) throw abortReason(given);
      if (deadline.expired) throw lateError(this.host, doing, ms);
      throw error instanceof SciStreamError ? error : engineError(error, this.host, doing);
    }
  }

  /** A container by name or id; undefined when there is none. */
  async inspect(container: string, options?: CallOptions): Promise<ContainerInfo | undefined> {
    try {
      return await this.call(
        `look at container ${container}`,
        async (docker, abortSignal) =>
          containerInfo.parse(await docker.getContainer(container).inspect({ abortSignal })),
        options,
      );
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }
}

/** Loaded when first needed: gateways without Docker never do. */
async function connect(host: DockerHost): Promise<Docker> {
  const { default: Library } = await import('dockerode');
  // What is not given here the library would take from DOCKER_HOST and its like.
  const nothing = { ca: undefined, cert: undefined, key: undefined, timeout: undefined };
  if (host.kind === 'unix') {
    return new Library({ ...nothing, host: undefined, port: undefined, protocol: 'http', socketPath: host.path });
  }
  const { protocol, endpoint } = host;
  const name = isIPv6(endpoint.host) ? `[${endpoint.host}]` : endpoint.host;
  return new Library({
    ...nothing,
    protocol,
    host: `${protocol}://${name}`,
    port: endpoint.port,
    socketPath: undefined,
  });
}
