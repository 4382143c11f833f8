import { z } from 'zod';
import { errnoOf, messageOf, SciStreamError } from '../../core/errors.js';
import { formatDockerHost, type DockerHost } from './host.js';

const answered = z.object({ statusCode: z.number() });
const ownWords = z.object({ json: z.object({ message: z.string() }) });

const nobodyThere = ['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];
const notAllowed = ['EACCES', 'EPERM'];
const wentAway = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT'];

/** The HTTP status with which the Engine refused, if it answered at all. */
export function statusOf(error: unknown): number | undefined {
  const parsed = answered.safeParse(error instanceof SciStreamError ? error.cause : error);
  return parsed.success ? parsed.data.statusCode : undefined;
}

/** Any failure of a request as our error; `doing` completes "could not …". UNAVAILABLE when the Engine itself is the problem. */
export function engineError(error: unknown, host: DockerHost, doing: string): SciStreamError {
  const where = formatDockerHost(host);
  const errno = errnoOf(error) ?? '';
  const unavailable = (message: string): SciStreamError => new SciStreamError('UNAVAILABLE', message, { cause: error });
  if (nobodyThere.includes(errno)) {
    return unavailable(`No Docker Engine answers at ${where}: start it, or name another with --docker-host.`);
  }
  if (notAllowed.includes(errno)) {
    return unavailable(
      `This user may not use the Docker Engine at ${where}: add the user to the group docker, or give --docker-host.`,
    );
  }
  if (wentAway.includes(errno)) {
    return unavailable(`The Docker Engine at ${where} went away before it could ${doing}; see its log.`);
  }
  const status = statusOf(error);
  if (status !== undefined) {
    const message = `The Docker Engine at ${where} could not ${doing}: ${wordsOf(error)}`;
    return status === 503 ? unavailable(message) : new SciStreamError('SERVER_ERR', message, { cause: error });
  }
  return unavailable(
    `What answers at ${where} does not speak as a Docker Engine (could not ${doing}): ${messageOf(error)}`,
  );
}

export function lateError(host: DockerHost, doing: string, ms: number): SciStreamError {
  const where = formatDockerHost(host);
  return new SciStreamError(
    'UNAVAILABLE',
    `The Docker Engine at ${where} could not ${doing} within ${ms} ms; see its log.`,
  );
}

function wordsOf(error: unknown): string {
  const parsed = ownWords.safeParse(error);
  return (parsed.success ? parsed.data.json.message : messageOf(error)).trim();
}
