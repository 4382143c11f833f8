/** Forwards TCP connections by Node's `pipe`. */
import { once } from 'node:events';
import net from 'node:net';
import { z } from 'zod';
import { host } from '../support/ports.js';
import { report, runWorker } from './run-worker.js';

/** Ports; a listener of 0 is chosen by the system. */
const settings = z.strictObject({ listener: z.int(), target: z.int() });

await runWorker(settings, async ({ listener, target }) => {
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const remote = net.connect({ port: target, host, noDelay: true, allowHalfOpen: true });
    client.on('error', () => remote.destroy()).pipe(remote);
    remote.on('error', () => client.destroy()).pipe(client);
  });
  await once(server.listen(listener, host), 'listening');
  const bound = server.address();
  if (bound !== null && typeof bound === 'object') report(bound.port);
});
