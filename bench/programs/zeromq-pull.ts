/** A ZeroMQ consumer: counts what arrives for a while, reports it once and waits for its end. */
import { Pull } from 'zeromq';
import { z } from 'zod';
import { report, runWorker } from './run-worker.js';
import { highWaterMark } from './zeromq-queue.js';

const settings = z.strictObject({ address: z.string(), messageBytes: z.int().positive(), seconds: z.number() });

/** Share of the time in which the queues fill and nothing is counted. */
const startShare = 0.1;
/** Asking for the time is not free. */
const messagesPerLook = 16;

await runWorker(settings, async ({ address, messageBytes, seconds }) => {
  const socket = new Pull({ receiveHighWaterMark: highWaterMark(messageBytes), linger: 0 });
  socket.connect(address);
  let end = await receiveFor(socket, seconds * startShare);
  const start = end.at;
  end = await receiveFor(socket, seconds);
  report({ messages: end.messages, bytes: end.bytes, seconds: (end.at - start) / 1000 });
});

async function receiveFor(socket: Pull, seconds: number): Promise<{ messages: number; bytes: number; at: number }> {
  let [messages, bytes, at] = [0, 0, 0];
  // The time runs from the first message on: until then the consumer is connecting.
  let until = Infinity;
  do {
    for (let count = 0; count < messagesPerLook; count++) {
      const [message] = await socket.receive();
      messages++;
      bytes += message?.length ?? 0;
      if (until === Infinity) until = performance.now() + seconds * 1000;
    }
    at = performance.now();
  } while (at < until);
  return { messages, bytes, at };
}
