import { describe, expect, it } from 'vitest';
import { engineError, statusOf } from './errors.js';
import { parseDockerHost } from './host.js';

const host = parseDockerHost(undefined);
const at = 'unix:///var/run/docker.sock';

function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code} /var/run/docker.sock`), { code });
}

/** As the library throws it. */
function answer(statusCode: number, message: string): Error {
  return Object.assign(new Error(`(HTTP code ${statusCode}) unexpected - ${message} `), {
    statusCode,
    json: { message },
  });
}

describe('errors of a Docker Engine say what to do', () => {
  it.each([
    [
      'EACCES',
      `This user may not use the Docker Engine at ${at}: add the user to the group docker, or give --docker-host.`,
    ],
    ['ENOENT', `No Docker Engine answers at ${at}: start it, or name another with --docker-host.`],
    ['ECONNREFUSED', `No Docker Engine answers at ${at}: start it, or name another with --docker-host.`],
    ['ECONNRESET', `The Docker Engine at ${at} went away before it could start container x; see its log.`],
    [
      'HPE_INVALID_CONSTANT',
      `What answers at ${at} does not speak as a Docker Engine (could not start container x): connect HPE_INVALID_CONSTANT /var/run/docker.sock`,
    ],
  ])('%s', (code, message) => {
    expect(engineError(systemError(code), host, 'start container x')).toMatchObject({ code: 'UNAVAILABLE', message });
  });

  it("an answer keeps the Engine's words and its status", () => {
    const error = engineError(answer(500, 'no space left on device\n'), host, 'create container x');
    expect(error).toMatchObject({
      code: 'SERVER_ERR',
      message: `The Docker Engine at ${at} could not create container x: no space left on device`,
    });
    expect(statusOf(error)).toBe(500);
  });

  it('an Engine that is not ready is unavailable', () => {
    expect(engineError(answer(503, 'starting'), host, 'list its containers').code).toBe('UNAVAILABLE');
  });
});
