/** A ZeroMQ producer: sends messages of one size as fast as they are taken, until it is ended. */
import { Push } from 'zeromq';
import { z } from 'zod';
import { report, runWorker } from './run-worker.js';
import { highWaterMark } from './zeromq-queue.js';

const settings = z.strictObject({ address: z.string(), messageBytes: z.int().positive() });

await runWorker(settings, async ({ address, messageBytes }) => {
  const socket = new Push({ sendHighWaterMark: highWaterMark(messageBytes), linger: 0 });
  await socket.bind(address);
  report({ listening: true });
  const message = Buffer.alloc(messageBytes, 'x');
  for (;;) await socket.send(message);
});
