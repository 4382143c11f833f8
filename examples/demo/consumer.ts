/** The consumer application: connects to where the stream can be had and takes it in, knowing nothing of SciStream. */
import { Pull } from 'zeromq';
import { runApplication, report } from './run-application.js';
import { decodeHeader } from './header.js';
import { consumerSettings, type Received } from './protocol.js';
import { Tally } from './tally.js';

const silenceMs = 10_000;
const reportEveryNs = 100_000_000n;

await runApplication(consumerSettings, async ({ connect, highWaterMark }) => {
  const socket = new Pull({ receiveHighWaterMark: highWaterMark, receiveTimeout: silenceMs, linger: 0 });
  socket.connect(`tcp://${connect}`);
  report(await receiveAll(socket));
});

async function receiveAll(socket: Pull): Promise<Received> {
  const tally = new Tally();
  let reportedAt = 0n;
  for (;;) {
    const [header, payload] = await receive(socket, tally.messages);
    const arrivedAt = process.hrtime.bigint();
    if (payload === undefined) return tally.result(decodeHeader(header));
    tally.add(decodeHeader(header), payload, arrivedAt);
    if (arrivedAt - reportedAt < reportEveryNs) continue;
    reportedAt = arrivedAt;
    report(tally.progress());
  }
}

async function receive(socket: Pull, before: number): Promise<Buffer[]> {
  try {
    return await socket.receive();
  } catch (error) {
    throw new Error(`No message arrived for ${silenceMs / 1000} s, after ${before} that had.`, { cause: error });
  }
}
