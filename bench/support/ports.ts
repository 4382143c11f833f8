import { once } from 'node:events';
import net from 'node:net';
import { probePort } from '../../src/data/ports.js';

export const host = '127.0.0.1';

/** The system may name a port again that its new owner has not opened yet. */
const given = new Set<number>();

/** A port that nobody uses, chosen by the system. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await probePort(host, 0);
    if (port === undefined || given.has(port)) continue;
    given.add(port);
    return port;
  }
}

/** True when somebody listens on the port. */
export async function accepts(port: number): Promise<boolean> {
  const socket = net.connect(port, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
