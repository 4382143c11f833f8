import { messageOf } from '../core/errors.js';
import type { Retries } from '../core/retry.js';
import type { Counters } from '../gen/scistream/data/v1/data_pb.js';
import type { Logger } from '../observe/logger.js';
import type { Gateway, Reserved } from './gateway.js';

export interface PortReturnOptions {
  readonly gateway: Gateway;
  readonly retries: Retries;
  readonly logger: Logger;
}

/**
 * Tried until it is done, as streams flow on until then, or until `retries` end. `onDelay` is called for every attempt that
 * fails.
 */
export async function returnPorts(
  reserved: Reserved,
  onDelay: () => void,
  { gateway, retries, logger }: PortReturnOptions,
): Promise<Counters | undefined> {
  let counters: Counters | undefined;
  const release = async (): Promise<void> => {
    counters = await gateway.release(reserved, retries.signal);
  };
  await retries.untilDone(release, (error) => {
    if (!retries.signal.aborted) {
      logger.error({ reservation: reserved.id, reason: messageOf(error) }, 'ports could not be released yet');
    }
    onDelay();
  });
  return counters;
}
