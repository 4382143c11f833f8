/** The producer application: streams to whoever connects, knowing nothing of SciStream. */
import { createHash } from 'node:crypto';
import { Push } from 'zeromq';
import { runApplication, report } from './run-application.js';
import { encodeHeader } from './header.js';
import { payloads } from './payloads.js';
import { producerSettings, type ProducerSettings, type Sent } from './protocol.js';

await runApplication(producerSettings, async (settings) => {
  const socket = new Push({ sendHighWaterMark: settings.highWaterMark, linger: 0 });
  const consumer = firstPeer(socket);
  await socket.bind('tcp://127.0.0.1:*');
  report({ kind: 'listening', address: (socket.lastEndpoint ?? '').replace('tcp://', '') });
  await consumer;
  report(await sendAll(socket, settings));
});

/** A message would wait for the consumer to connect, and that is no latency of the stream. */
async function firstPeer(socket: Push): Promise<void> {
  for await (const { type } of socket.events) if (type === 'handshake') return;
}

async function sendAll(socket: Push, settings: ProducerSettings): Promise<Sent> {
  const hash = createHash('sha256');
  let messages = 0;
  let bytes = 0;
  for await (const payload of payloads(settings)) {
    hash.update(payload);
    const header = encodeHeader({ sequence: messages, sentAt: process.hrtime.bigint() });
    // Waits while the stream is full: backpressure reaches from the consumer through both facilities to here.
    await socket.send([header, payload]);
    messages++;
    bytes += payload.length;
  }
  await socket.send(encodeHeader({ sequence: messages, sentAt: process.hrtime.bigint() }));
  return { kind: 'sent', messages, bytes, sha256: hash.digest('hex') };
}
