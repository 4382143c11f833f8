import { SciStreamError } from '../core/errors.js';
import { parseKey, type Security, type Transport } from '../core/protection.js';
import { Secret } from '../core/secret.js';

/** How a caller wants the leg between the facilities. */
interface WantedProtection {
  readonly security?: Security | undefined;
  readonly key?: Secret | Uint8Array | undefined;
  readonly transport?: Transport | undefined;
}

/** The same as both protocol versions say it. Throws BAD_FORMAT for a key that is too short or too long. */
export function protectionFields({ security, key, transport }: WantedProtection): {
  security: string;
  psk: Uint8Array;
  transport: string;
} {
  return {
    security: security ?? '',
    psk: key === undefined ? new Uint8Array() : keyBytes(key),
    transport: transport ?? '',
  };
}

/** An empty key is a mistake, not the absence of one. */
function keyBytes(key: Secret | Uint8Array): Uint8Array {
  const parsed = parseKey(key instanceof Secret ? key.expose() : key);
  if (!parsed) throw new SciStreamError('BAD_FORMAT', 'The key is empty; give 16 to 64 random bytes, or leave it out.');
  return parsed.expose();
}
