import { once } from 'node:events';
import net from 'node:net';
import { messageOf, SciStreamError } from '../../../../core/errors.js';

/** It answers within milliseconds; when all its threads hang it never does. */
const deadlineMs = 10_000;
/** Bytes; a list of as many connections as it is asked for has some hundred kilobytes. */
const longestAnswer = 16 << 20;

/** Asks a running HAProxy through its admin socket. Throws SERVER_ERR when there is no answer. */
export async function ask(socketFile: string, command: string): Promise<string> {
  const socket = net.connect({ path: socketFile, allowHalfOpen: true });
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    await once(socket, 'connect', { signal: deadline });
    socket.end(`${command}\n`);
    const chunks: Buffer[] = [];
    let length = 0;
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > longestAnswer) socket.destroy(new Error(`its answer is longer than ${longestAnswer} bytes`));
    });
    await once(socket, 'end', { signal: deadline });
    return Buffer.concat(chunks).toString();
  } catch (error) {
    throw new SciStreamError('SERVER_ERR', `HAProxy does not answer at ${socketFile}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    socket.destroy();
  }
}
