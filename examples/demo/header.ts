/** The first ZeroMQ frame of every message; the second is the payload, and a message without one ends the stream. */
export interface Header {
  /** Counts from 0; of the last message, how many there were. */
  readonly sequence: number;
  /** Nanoseconds of the monotonic clock, which all processes of a machine share. */
  readonly sentAt: bigint;
}

const headerBytes = 16;

export function encodeHeader({ sequence, sentAt }: Header): Buffer {
  const frame = Buffer.alloc(headerBytes);
  frame.writeBigUInt64BE(BigInt(sequence), 0);
  frame.writeBigUInt64BE(sentAt, 8);
  return frame;
}

export function decodeHeader(frame: Buffer | undefined): Header {
  if (frame?.length !== headerBytes) throw new Error('A message arrived that the producer cannot have sent.');
  return { sequence: Number(frame.readBigUInt64BE(0)), sentAt: frame.readBigUInt64BE(8) };
}
