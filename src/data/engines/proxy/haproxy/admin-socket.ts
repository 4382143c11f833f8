import { once } from 'node:events';
import net from 'node:net';
import { messageOf, SciStreamError } from '../../../../core/errors.js';

/** It answers within milliseconds; when all its threads hang it never does. */
const deadlineMs = 10_000;

/** Asks a running HAProxy through its admin socket. Throws SERVER_ERR when there is no answer. */
export async function ask(socketFile: string, command: string): Promise<string> {
  const socket = net.connect({ path: socketFile, allowHalfOpen: true });
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    await once(socket, 'connect', { signal: deadline });
    socket.end(`${command}\n`);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
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
