import { messageOf, SciStreamError, toSciStreamError } from '../../../core/errors.js';
import type { JanusApi } from './api.js';

/** The one container of a Janus session. */
export interface Container {
  readonly session: string;
  readonly node: string;
  readonly id: string;
}

/** Sends a signal to the program. Throws SERVER_ERR when it is not there or the image has nothing to send it with. */
export async function signalContainer(
  api: JanusApi,
  { node, id }: Container,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  const number = name.replace(/^SIG/, '');
  // Images differ: one has the program kill, another only a shell that has it built in.
  const ways = [
    ['kill', `-${number}`, '1'],
    ['sh', '-c', `kill -${number} 1`],
  ];
  let said = '';
  for (const command of ways) {
    said = await execute(api, node, id, command, signal);
    // It prints nothing when it has worked.
    if (said === '') return;
    if (!lacksCommand.test(said)) break;
  }
  const advice = lacksCommand.test(said) ? '; use an image that has kill or sh' : '';
  throw new SciStreamError('SERVER_ERR', `${name} could not be sent to the container ${id}: ${said}${advice}.`);
}

const lacksCommand = /executable file not found|no such file or directory/i;

async function execute(
  api: JanusApi,
  node: string,
  id: string,
  command: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string> {
  try {
    return await api.execute(node, id, command, signal);
  } catch (error) {
    // Docker tells of a command that is not there in either way.
    if (lacksCommand.test(messageOf(error))) return messageOf(error);
    throw error;
  }
}

/** True when Docker told Janus that there is no such container. */
export function isGone(error: unknown): boolean {
  const { code, message } = toSciStreamError(error);
  return code === 'SERVER_ERR' && /no such container|: not found/i.test(message);
}

/**
 * Janus calls a session STARTED until somebody stops it, even when its container has ended long ago. Docker refuses to run
 * anything in a container that does not run, and that Janus passes on, in the early API only as "Conflict".
 */
export async function hasEnded(api: JanusApi, container: Container, signal?: AbortSignal): Promise<boolean> {
  try {
    await signalContainer(api, container, '0', signal);
    return false;
  } catch (error) {
    const { code, message } = toSciStreamError(error);
    return isGone(error) || (code === 'SERVER_ERR' && /\bconflict\b|is not running/i.test(message));
  }
}
