import { formatEndpoint, type Endpoint } from '../../../core/endpoint.js';
import { errnoOf, messageOf, SciStreamError } from '../../../core/errors.js';

/** Why a reserved port cannot be listened at. */
export function listenError(where: Endpoint, error: unknown): SciStreamError {
  const cause = { cause: error };
  const address = formatEndpoint(where);
  return errnoOf(error) === 'EADDRINUSE'
    ? new SciStreamError('NO_RESOURCE', `${address} was taken by another program; request the session again.`, cause)
    : new SciStreamError('SERVER_ERR', `Cannot listen at ${address}: ${messageOf(error)}`, cause);
}
