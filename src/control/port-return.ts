import { Backoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { Deferred } from '../core/deferred.js';
import { messageOf } from '../core/errors.js';
import { keepTrying } from '../core/retry.js';
import type { Counters } from '../gen/scistream/data/v1/data_pb.js';
import type { Logger } from '../observe/logger.js';
import type { Gateway } from './gateway.js';

const firstRetryMs = 1_000;
const longestRetryMs = 60_000;

export interface PortReturnOptions {
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when the facility closes. */
  readonly signal: AbortSignal;
}

/** Now if it can be, else in the background until it is: ports must not stay taken because an agent was slow once. */
export function returnPorts(
  id: string,
  { gateway, clock, logger, signal }: PortReturnOptions,
): Promise<Counters | undefined> {
  const answered = new Deferred<Counters | undefined>();
  const release = async (): Promise<void> => {
    answered.resolve(await gateway.release(id));
  };
  const onFailure = (error: unknown): void => {
    logger.error({ reservation: id, reason: messageOf(error) }, 'ports could not be released yet');
    answered.resolve(undefined);
  };
  void keepTrying(release, { clock, backoff: new Backoff(firstRetryMs, longestRetryMs), signal, onFailure });
  return answered.promise;
}
