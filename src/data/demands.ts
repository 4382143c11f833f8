import { show } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import { securityOf, type Protection, type Transport } from '../core/protection.js';
import type { Secret } from '../core/secret.js';
import { limitsRate, securitiesOf, type DataServerType } from './types.js';

/** How a caller wants its stream protected. */
interface WantedProtection {
  /** Empty: the type's default. */
  readonly security: string;
  readonly transport: Transport;
  readonly key?: Secret | undefined;
}

/** Throws NOT_IMPLEMENTED when a rate is asked of a type that cannot limit it. */
export async function assertCapable(type: DataServerType, maxRate: number): Promise<void> {
  if (maxRate === 0 || (await limitsRate(type))) return;
  const { rate } = type.engineKind.capabilities;
  const since = typeof rate === 'object' ? `, which takes ${type.engine} ${rate.from}` : '';
  throw new SciStreamError(
    'NOT_IMPLEMENTED',
    `Data server type ${type.name} cannot limit the rate${since}; ask without one.`,
  );
}

/** What the type can give of what is asked. Throws NOT_IMPLEMENTED, or BAD_FORMAT when it lacks the key. */
export function protectionFor(
  type: DataServerType,
  { security: wanted, transport, key }: WantedProtection,
): Protection {
  const { protection: offered, udp } = type.engineKind.capabilities;
  const kind = wanted === '' ? offered[0] : offered.find((protection) => securityOf(protection) === wanted);
  if (!kind) {
    throw new SciStreamError(
      'NOT_IMPLEMENTED',
      `Data server type ${type.name} cannot protect a stream by ${show(wanted)}; ask both ends for security ` +
        `${securitiesOf(type).join(' or ')}, or choose another type.`,
    );
  }
  if (transport === 'udp' && !udp) {
    throw new SciStreamError('NOT_IMPLEMENTED', `Data server type ${type.name} forwards TCP only; ask for tcp.`);
  }
  if (kind === 'none') return { kind };
  if (transport === 'udp') {
    throw new SciStreamError('NOT_IMPLEMENTED', 'UDP streams cannot be encrypted; ask for security none.');
  }
  if (!key) {
    throw new SciStreamError('BAD_FORMAT', 'A stream whose ends prove that they share a key needs that key.');
  }
  return { kind, key };
}
