const queuedBytes = 8 << 20;
const mostMessages = 1000;
const fewestMessages = 4;

/** Messages that ZeroMQ holds at each end: many small ones, few large ones. */
export function highWaterMark(messageBytes: number): number {
  return Math.max(fewestMessages, Math.min(mostMessages, Math.floor(queuedBytes / messageBytes)));
}
