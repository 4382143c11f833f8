/** What the demo tells its two applications when it starts them, and what they report. */
import { z } from 'zod';

export const producerSettings = z.strictObject({
  messageBytes: z.int().positive(),
  messages: z.int().positive(),
  highWaterMark: z.int().positive(),
  /** Streamed instead of synthetic frames. */
  input: z.string().optional(),
});
export type ProducerSettings = z.infer<typeof producerSettings>;

export const consumerSettings = z.strictObject({
  /** `ip:port` */
  connect: z.string(),
  highWaterMark: z.int().positive(),
});
export type ConsumerSettings = z.infer<typeof consumerSettings>;

const payload = { messages: z.int(), bytes: z.int(), sha256: z.string() };

export const listening = z.strictObject({ kind: z.literal('listening'), address: z.string() });
export const sent = z.strictObject({ kind: z.literal('sent'), ...payload });
export const progress = z.strictObject({
  kind: z.literal('progress'),
  messages: z.int(),
  bytes: z.int(),
  seconds: z.number(),
});
export const received = z.strictObject({
  kind: z.literal('received'),
  ...payload,
  /** From the first sending to the last arrival. */
  seconds: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
});
export const consumerReport = z.discriminatedUnion('kind', [progress, received]);

export type Sent = z.infer<typeof sent>;
export type Received = z.infer<typeof received>;
export type ConsumerProgress = z.infer<typeof progress>;
export type Report = z.infer<typeof listening> | Sent | z.infer<typeof consumerReport>;
