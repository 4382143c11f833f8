import { show } from './endpoint.js';
import { SciStreamError } from './errors.js';
import { Secret } from './secret.js';

/** How the leg between two facilities is protected, the strongest first. */
export const securities = ['tls-psk', 'none'] as const;
export type Security = (typeof securities)[number];

export type Transport = 'tcp' | 'udp';

/** The one name under which both ends know their key; every listener has a key of its own. Python gateways use it too. */
export const pskIdentity = 'client1';

const shortestKey = 16;
const longestKey = 64;

/** A leg's protection with all that it needs. `psk-only`: the peers prove that they hold the key, the data is in clear text. */
export type Protection =
  | { readonly kind: 'none' }
  | { readonly kind: 'tls-psk'; readonly key: Secret }
  | { readonly kind: 'psk-only'; readonly key: Secret };

/** What a user may rely on: who reads along meets nothing but a proof of the key. */
export function securityOf(kind: Protection['kind']): Security {
  return kind === 'psk-only' ? 'none' : kind;
}

/** Throws BAD_FORMAT naming those there are. */
export function parseSecurity(text: string): Security {
  const found = securities.find((security) => security === text);
  if (!found) throw new SciStreamError('BAD_FORMAT', `security ${show(text)} must be ${securities.join(' or ')}.`);
  return found;
}

/** Empty: tcp. */
export function parseTransport(text: string): Transport {
  if (text === '') return 'tcp';
  if (text !== 'tcp' && text !== 'udp') {
    throw new SciStreamError('BAD_FORMAT', `transport ${show(text)} must be tcp or udp.`);
  }
  return text;
}

/** True when `security` protects less than `demanded`. */
export function isWeaker(security: Security, demanded: Security): boolean {
  return securities.indexOf(security) > securities.indexOf(demanded);
}

/**
 * The key that version 1 derives from a uid: without its dashes, read as hexadecimal digits. Undefined when that does not give
 * a key. Whoever is told the uid knows it.
 */
export function keyFromUid(uid: string): Secret | undefined {
  return keyFromHex(uid.replaceAll('-', ''));
}

/** Undefined when the text is no key written as 32 to 128 hexadecimal digits. */
export function keyFromHex(text: string): Secret | undefined {
  const wellFormed =
    /^(?:[0-9a-f]{2})+$/i.test(text) && text.length >= 2 * shortestKey && text.length <= 2 * longestKey;
  return wellFormed ? new Secret(Buffer.from(text, 'hex')) : undefined;
}

/** Undefined when there are no bytes. The message never shows them. */
export function parseKey(bytes: Uint8Array): Secret | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes.length < shortestKey || bytes.length > longestKey) {
    throw new SciStreamError('BAD_FORMAT', `A key has ${shortestKey} to ${longestKey} bytes, not ${bytes.length}.`);
  }
  return new Secret(bytes);
}
