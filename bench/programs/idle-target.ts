/** Accepts connections and answers what they send; never closes one. */
import { once } from 'node:events';
import net from 'node:net';
import { z } from 'zod';
import { host } from '../support/ports.js';
import { report, runWorker } from './run-worker.js';

const backlog = 4096;

await runWorker(z.strictObject({ port: z.int() }), async ({ port }) => {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined).pipe(socket);
  });
  await once(server.listen(port, host, backlog), 'listening');
  report({ listening: true });
});
