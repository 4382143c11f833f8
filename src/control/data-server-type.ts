import { SciStreamError } from '../core/errors.js';
import { findNamed, knownNames } from '../core/named.js';
import { securities, type Security } from '../core/protection.js';
import type { TypeInfo } from '../gen/scistream/data/v1/data_pb.js';

/** The data server type of that name or alias, in any case. Throws BAD_FORMAT, or NOT_IMPLEMENTED when it cannot run. */
export function chooseType(wanted: string, types: readonly TypeInfo[]): TypeInfo {
  const found = findNamed(types, wanted);
  if (!found) {
    const known = knownNames(types);
    throw new SciStreamError('BAD_FORMAT', `--type ${wanted} is not a data server type; known are ${known}.`);
  }
  if (!found.available) {
    throw new SciStreamError('NOT_IMPLEMENTED', `--type ${wanted} cannot run here: ${found.reason}`);
  }
  return found;
}

/** Throws BAD_FORMAT unless the type can pair with gateways of the Python implementation. */
export function assertLegacyPeer({ name, engine }: Pick<TypeInfo, 'name' | 'engine'>): void {
  if (engine === 'stunnel') return;
  throw new SciStreamError('BAD_FORMAT', `--legacy-stunnel-peer needs a --type of stunnel, not ${name}.`);
}

/**
 * What sessions get that do not ask for more: what the operator wants, else the first that the type offers. Throws
 * NOT_IMPLEMENTED when the type cannot do it.
 */
export function chooseSecurity(
  wanted: Security | undefined,
  { name, security: offered }: Pick<TypeInfo, 'name' | 'security'>,
): Security {
  const known = offered.flatMap((text) => securities.filter((security) => security === text));
  const chosen = wanted === undefined ? known[0] : known.find((security) => security === wanted);
  if (chosen) return chosen;
  throw new SciStreamError(
    'NOT_IMPLEMENTED',
    `Data server type ${name} has the security ${offered.join(' or ')}, not ${wanted ?? 'one that is known here'}; choose another ` +
      '--type or --security.',
  );
}
