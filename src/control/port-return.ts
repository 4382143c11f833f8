import { Backoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { messageOf } from '../core/errors.js';
import type { Counters } from '../gen/scistream/data/v1/data_pb.js';
import type { Logger } from '../observe/logger.js';
import type { Gateway } from './gateway.js';

const firstRetryMs = 1_000;
const longestRetryMs = 60_000;

export interface PortReturnOptions {
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Now if it can be, else in the background until it is: ports must not stay taken because an agent was slow once. */
export async function returnPorts(
  id: string,
  { gateway, clock, logger }: PortReturnOptions,
): Promise<Counters | undefined> {
  try {
    return await gateway.release(id);
  } catch (error) {
    logger.error({ reservation: id, reason: messageOf(error) }, 'ports could not be released; trying again');
    const backoff = new Backoff(firstRetryMs, longestRetryMs);
    const retry = (): void => {
      clock.after(backoff.next(), () => {
        gateway.release(id).catch(retry);
      });
    };
    retry();
    return undefined;
  }
}
