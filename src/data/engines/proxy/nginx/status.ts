import { readdir } from 'node:fs/promises';
import http from 'node:http';
import { messageOf, SciStreamError } from '../../../../core/errors.js';
import { socketPath } from '../../../../platform/state-dir.js';

const deadlineMs = 10_000;
/** Characters; it writes less than two hundred. */
const longestAnswer = 65_536;

/** Connections and flows of datagrams in all workers, those of earlier configurations too; the ones that ask are left out. */
export interface Status {
  readonly open: number;
  readonly total: number;
}

/**
 * What answers at the status sockets in a folder, by their files: that of the configuration in force, and for a moment that of
 * the one before. A file where nobody listens is left out.
 */
export async function askAll(folder: string): Promise<ReadonlyMap<string, Status>> {
  const answers = new Map<string, Status>();
  const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{16}\.sock$/.test(name));
  // One after the other, as one that asks sees the others as connections.
  for (const file of names.map((name) => socketPath(folder, name))) {
    const status = await askStatus(file).catch(() => undefined);
    if (status) answers.set(file, status);
  }
  return answers;
}

/** Throws SERVER_ERR when there is no answer. */
export async function askStatus(socketFile: string): Promise<Status> {
  try {
    return parseStatus(await ask(socketFile));
  } catch (error) {
    throw new SciStreamError('SERVER_ERR', `nginx does not answer at ${socketFile}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function ask(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // `agent: false` closes the connection after the answer, as the counting needs it.
    const options = { socketPath, host: 'localhost', agent: false, signal: AbortSignal.timeout(deadlineMs) };
    http
      .get(options, (response) => {
        let text = '';
        response.setEncoding('latin1').on('data', (chunk: string) => {
          text += chunk;
          if (text.length > longestAnswer) response.destroy(new Error('its answer is too long'));
        });
        response.once('error', reject).once('end', () => {
          resolve(text);
        });
      })
      .once('error', reject);
  });
}

/** What the module stub_status writes. Requests are those that ask: each has a connection of its own. */
export function parseStatus(text: string): Status {
  const active = /^Active connections: (\d+)\s*$/m.exec(text)?.[1];
  const [, accepted, requests] = /^ (\d+) \d+ (\d+)\s*$/m.exec(text) ?? [];
  if (active === undefined || accepted === undefined) {
    throw new SciStreamError('SERVER_ERR', `nginx answered no status: ${text.slice(0, 80)}`);
  }
  return { open: Math.max(0, Number(active) - 1), total: Number(accepted) - Number(requests) };
}
