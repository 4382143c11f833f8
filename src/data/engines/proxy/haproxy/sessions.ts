import { isIP } from 'node:net';
import type { Endpoint } from '../../../../core/endpoint.js';

/** One open connection. */
export interface Session {
  /** Unique while the program runs. */
  readonly id: string;
  /** Name of the frontend. */
  readonly frontend: string;
  readonly client: Endpoint;
  readonly target?: Endpoint;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/**
 * The connections among what `show sess all` answers, a text for people: each begins in the first column, and what does not have
 * all that is needed, such as the admin socket's own, is left out.
 */
export function parseSessions(text: string): readonly Session[] {
  return text.split(/\n(?=0x)/).flatMap((block) => {
    const id = /^0x[0-9a-f]+: \[[^\]]*\] (id=\d+) /.exec(block)?.[1];
    const client = endpoint(/ source=(\S+)/.exec(block)?.[1]);
    const frontend = /^ {2}frontend=(in\d+) /m.exec(block)?.[1];
    const bytesIn = /^ {2}req=.* total=(\d+)\)/m.exec(block)?.[1];
    const bytesOut = /^ {2}res=.* total=(\d+)\)/m.exec(block)?.[1];
    if (!id || !client || !frontend || bytesIn === undefined || bytesOut === undefined) return [];
    const target = endpoint(/^ {2}server=\S+ \(id=\d+\) addr=(\S+)/m.exec(block)?.[1]);
    const session = { id, frontend, client, bytesIn: Number(bytesIn), bytesOut: Number(bytesOut) };
    return [target ? { ...session, target } : session];
  });
}

/** HAProxy writes IPv6 addresses without brackets: the port is what follows the last colon. */
function endpoint(text = ''): Endpoint | undefined {
  const [, host = '', port] = /^(.*):(\d+)$/.exec(text) ?? [];
  return isIP(host) === 0 ? undefined : { host, port: Number(port) };
}
