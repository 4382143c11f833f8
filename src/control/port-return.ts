import { messageOf } from '../core/errors.js';
import type { Retries } from '../core/retry.js';
import type { Counters } from '../gen/scistream/data/v1/data_pb.js';
import type { Logger } from '../observe/logger.js';
import type { Gateway } from './gateway.js';

export interface PortReturnOptions {
  readonly gateway: Gateway;
  readonly retries: Retries;
  readonly logger: Logger;
}

/** Now if it can be, else in the background until it is: ports must not stay taken because an agent was slow once. */
export async function returnPorts(
  id: string,
  { gateway, retries, logger }: PortReturnOptions,
): Promise<Counters | undefined> {
  let counters: Counters | undefined;
  const release = async (): Promise<void> => {
    counters = await gateway.release(id);
  };
  await retries.attempt(release, (error) => {
    logger.error({ reservation: id, reason: messageOf(error) }, 'ports could not be released yet');
  });
  return counters;
}
