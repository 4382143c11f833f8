import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { parseEndpoint } from '../../src/core/endpoint.js';
import { messageOf } from '../../src/core/errors.js';
import { until } from '../../src/core/until.js';
import { hashAll } from './tcp.js';

const pool = randomBytes(1 << 20);
/** A machine that cannot keep up takes longer instead of letting connections wait beyond their deadlines. */
const mostAtOnce = 100;

export interface SoakResult {
  readonly connections: number;
  /** How many connections went wrong, by what went wrong. */
  readonly problems: Readonly<Record<string, number>>;
}

/** Opens `perSecond` connections to an echo for `seconds`, each with 0 to `largest` random bytes, and checks every answer. */
export async function soak(
  address: string,
  perSecond: number,
  seconds: number,
  largest = 200_000,
): Promise<SoakResult> {
  const began = performance.now();
  let connections = 0;
  let finished = 0;
  const problems: Record<string, number> = {};
  const note = (problem: string): void => {
    problems[problem] = (problems[problem] ?? 0) + 1;
  };
  const one = async (): Promise<void> => {
    try {
      if (!(await comesBack(address, Math.floor(Math.random() * largest)))) note('something else came back');
    } catch (error) {
      note(messageOf(error));
    }
    finished++;
  };
  await until('all connections having ended', seconds * 10_000 + 30_000, () => {
    const due = Math.floor(Math.min((performance.now() - began) / 1000, seconds) * perSecond);
    for (; connections < due && connections - finished < mostAtOnce; connections++) void one();
    return connections >= perSecond * seconds && finished === connections;
  });
  return { connections, problems };
}

async function comesBack(address: string, size: number): Promise<boolean> {
  const start = Math.floor(Math.random() * (pool.length - size));
  const bytes = pool.subarray(start, start + size);
  const socket = net.connect({ ...parseEndpoint(address), allowHalfOpen: true });
  socket.on('error', () => undefined);
  const back = hashAll(socket);
  socket.end(bytes);
  const { hash } = await back;
  socket.destroy();
  return hash === createHash('sha256').update(bytes).digest('hex');
}
