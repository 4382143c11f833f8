/** Opens many connections, has each answered once, reports, and keeps them open until it is ended. */
import { once } from 'node:events';
import net from 'node:net';
import { z } from 'zod';
import { host } from '../support/ports.js';
import { report, runWorker } from './run-worker.js';

const settings = z.strictObject({ port: z.int(), connections: z.int().positive() });

/** Few enough that no listener's backlog overflows. */
const atOnce = 100;
/** One address has some 28 000 ports to connect from, and others need them too. */
const perAddress = 2_500;
const hello = Buffer.alloc(1024, 'x');

await runWorker(settings, async ({ port, connections }) => {
  const open: net.Socket[] = [];
  while (open.length < connections) {
    const batch = Array.from({ length: Math.min(atOnce, connections - open.length) }, (_, index) =>
      connect(port, open.length + index),
    );
    open.push(...(await Promise.all(batch)));
  }
  report({ connected: open.length });
});

async function connect(port: number, index: number): Promise<net.Socket> {
  const localAddress = `127.0.0.${2 + Math.floor(index / perAddress)}`;
  const socket = net.connect({ port, host, localAddress });
  socket.once('end', () => socket.destroy(new Error('A connection was closed instead of being answered.')));
  socket.write(hello);
  for (let answered = 0; answered < hello.length;) {
    const [chunk] = z.tuple([z.instanceof(Buffer)]).parse(await once(socket, 'data'));
    answered += chunk.length;
  }
  // From here on the measurement is over before anything of interest can happen to it.
  socket.on('error', () => undefined);
  return socket;
}
