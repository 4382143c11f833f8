import { finished } from 'node:stream/promises';
import type { DockerEngine } from '../../../platform/docker/engine.js';
import { LogLines } from '../../../platform/docker/log-lines.js';

/** Reads all that a container has printed; it has ended. */
export async function logOf(engine: DockerEngine, id: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const reader = new LogLines((line) => lines.push(line));
  const log = await engine.call(`read the log of container ${id}`, (docker, abortSignal) =>
    docker.getContainer(id).logs({ follow: false, stdout: true, stderr: true, abortSignal }),
  );
  // The library answers something else than bytes when nothing was printed.
  if (Buffer.isBuffer(log)) reader.push(log);
  reader.end();
  return lines;
}

/** Follows what a container prints, from its start or from now, until it ends or the Engine goes away. */
export async function followLog(
  engine: DockerEngine,
  id: string,
  from: 'start' | 'now',
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const log = await engine.call(
    `follow the log of container ${id}`,
    (docker, abortSignal) =>
      docker.getContainer(id).logs({
        ...{ follow: true, stdout: true, stderr: true, abortSignal },
        ...(from === 'now' && { tail: 0 }),
      }),
    { ms: Infinity, signal },
  );
  const reader = new LogLines(onLine);
  log.on('data', (chunk: Buffer) => {
    reader.push(chunk);
  });
  try {
    await finished(log);
  } finally {
    reader.end();
  }
}
