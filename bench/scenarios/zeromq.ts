import { z } from 'zod';
import { openProven, type Arm } from '../arms/arm.js';
import { host } from '../support/ports.js';
import { Worker } from '../support/worker.js';
import { alternate } from './alternate.js';
import { megabytes, messages } from './metrics.js';
import type { Scenario } from './scenario.js';

const started = z.strictObject({ listening: z.literal(true) });
const received = z.strictObject({ messages: z.number(), bytes: z.number(), seconds: z.number() });

export interface ZeromqOptions {
  readonly name: string;
  readonly size: string;
  readonly messageBytes: number;
  readonly arms: readonly Arm[];
  readonly quick: boolean;
}

/** Messages as an instrument's application sends them: PUSH to PULL, each in a process of its own. */
export function zeromq({ name, size, messageBytes, arms, quick }: ZeromqOptions): Scenario {
  return {
    name,
    title: `ZeroMQ PUSH/PULL, messages of ${size}`,
    quick,
    reference: 'direct',
    needs: [],
    metrics: [megabytes, messages],
    run: (context) => {
      const { seconds, signal } = context;
      return alternate(
        arms,
        {
          open: (arm, folder, scope) => openProven(arm, { transport: 'tcp', folder, signal }, scope),
          measure: async ({ listener, target }) => {
            const settings = { messageBytes };
            const to = `tcp://${host}:${target}`;
            const from = `tcp://${host}:${listener}`;
            await using producer = new Worker('zeromq-push', { ...settings, address: to }, signal);
            await producer.next(started);
            await using consumer = new Worker('zeromq-pull', { ...settings, address: from, seconds }, signal);
            const result = await consumer.next(received);
            return {
              [megabytes.key]: result.bytes / 1e6 / result.seconds,
              [messages.key]: result.messages / result.seconds,
            };
          },
        },
        context,
      );
    },
  };
}
