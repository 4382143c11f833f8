import { open } from 'node:fs/promises';
import { detectorFrames } from './frames.js';
import type { ProducerSettings } from './protocol.js';

/** Making an image takes longer than sending it, so that a few are sent over and over. */
const distinctFrames = 8;

/** What the producer sends: a file cut in messages, or detector frames. */
export async function* payloads({ input, messageBytes, messages }: ProducerSettings): AsyncGenerator<Buffer> {
  if (input !== undefined) {
    yield* pieces(input, messageBytes);
    return;
  }
  const frames = detectorFrames(distinctFrames, messageBytes);
  for (let left = messages; left > 0; left -= frames.length) yield* frames.slice(0, left);
}

async function* pieces(file: string, bytes: number): AsyncGenerator<Buffer> {
  await using handle = await open(file);
  for (;;) {
    // ZeroMQ sends from this memory while the next piece is read.
    const piece = Buffer.allocUnsafeSlow(bytes);
    const { bytesRead } = await handle.read(piece);
    if (bytesRead === 0) return;
    yield piece.subarray(0, bytesRead);
  }
}
