import { z } from 'zod';
import { messageOf, SciStreamError } from '../../../../core/errors.js';

const count = z.coerce.number().int().nonnegative();
/** Frontends have no errors towards servers: the column is empty for them, which reads as 0. */
const statRow = z.object({
  pxname: z.string(),
  svname: z.string(),
  scur: count,
  stot: count,
  bin: count,
  bout: count,
  econ: count,
});
const serverRow = z.object({
  be_name: z.string(),
  srv_name: z.string(),
  srv_addr: z.string(),
  srv_port: count,
  srv_admin_state: count,
});

export interface Sums {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly openConnections: number;
  readonly totalConnections: number;
  readonly refusedConnections: number;
}

/** A server of a backend, as it is now. */
export interface ServerState {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly inUse: boolean;
}

/**
 * Sums from the CSV that `show stat` answers: bytes and connections as the frontends see them. Refused are the backends'
 * connection errors: HAProxy counts one only when its retries are over, and none for what a client has given up before.
 */
export function parseStat(text: string): Sums {
  const sums = { bytesIn: 0, bytesOut: 0, openConnections: 0, totalConnections: 0, refusedConnections: 0 };
  for (const row of rowsOf(text, ',', statRow)) {
    if (row.svname === 'BACKEND') sums.refusedConnections += row.econ;
    if (row.svname !== 'FRONTEND') continue;
    sums.bytesIn += row.bin;
    sums.bytesOut += row.bout;
    sums.openConnections += row.scur;
    sums.totalConnections += row.stot;
  }
  return sums;
}

/** The servers of each backend, from what `show servers state` answers; its first line is the format's version. */
export function parseServers(text: string): ReadonlyMap<string, readonly ServerState[]> {
  const backends = new Map<string, ServerState[]>();
  for (const row of rowsOf(text.replace(/^1\n/, ''), ' ', serverRow)) {
    const state = { name: row.srv_name, host: row.srv_addr, port: row.srv_port, inUse: row.srv_admin_state === 0 };
    const servers = backends.get(row.be_name);
    if (servers) servers.push(state);
    else backends.set(row.be_name, [state]);
  }
  return backends;
}

/** The lines under a line `# name name …`. */
function rowsOf<T>(text: string, separator: string, schema: z.ZodType<T>): readonly T[] {
  const [head = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  try {
    if (!head.startsWith('# ')) throw new Error(`no head: ${head.slice(0, 80)}`);
    const names = head.slice(2).split(separator);
    return lines.map((line) => {
      const fields = line.split(separator);
      return schema.parse(Object.fromEntries(names.map((name, index) => [name, fields[index]])));
    });
  } catch (error) {
    throw new SciStreamError('SERVER_ERR', `HAProxy answered something unknown: ${messageOf(error)}`, { cause: error });
  }
}
