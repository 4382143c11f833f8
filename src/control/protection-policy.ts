import { SciStreamError } from '../core/errors.js';
import { isWeaker, keyFromUid, parseKey, parseSecurity, type Security, type Transport } from '../core/protection.js';
import type { Secret } from '../core/secret.js';
import type { Facility } from './facility.js';

/** What a caller asks of the leg between the facilities. */
export interface WantedProtection {
  readonly uid: string;
  /** Empty: the facility's default. */
  readonly security: string;
  readonly transport: Transport;
  /** Empty: the caller has no key. */
  readonly psk: Uint8Array;
}

export interface GrantedProtection {
  readonly security: Security;
  readonly key: Secret | undefined;
}

type Policy = Pick<Facility, 'security' | 'pskOnly' | 'pskFromUid' | 'logger'>;

/**
 * How a session will be protected: by what the facility demands or by more, never by less. Throws POLICY_DENIED, or BAD_FORMAT
 * when it lacks a key.
 */
export function grantProtection(
  facility: Policy,
  { security, transport, psk, uid }: WantedProtection,
): GrantedProtection {
  const granted = grantSecurity(facility.security, security);
  const key = parseKey(psk);
  // A key that protects nothing goes no further; UDP is refused by the data server in its own words.
  const needsKey = granted !== 'none' || facility.pskOnly;
  if (!needsKey || transport === 'udp') return { security: granted, key: undefined };
  return { security: granted, key: key ?? keyFor(facility, uid) };
}

function grantSecurity(demanded: Security, wanted: string): Security {
  const security = wanted === '' ? demanded : parseSecurity(wanted);
  if (isWeaker(security, demanded)) {
    throw new SciStreamError(
      'POLICY_DENIED',
      `This facility demands ${demanded} and grants no ${security}; ask for ${demanded} at both ends of the stream, or ask ` +
        `its operator to start s2cs with --security ${security}.`,
    );
  }
  return security;
}

/** Version 1 has no other key than the uid, which is printed and sent around: only where the operator allows it. */
function keyFor({ pskOnly, pskFromUid, logger }: Policy, uid: string): Secret {
  if (!pskFromUid) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `Session ${uid} needs a key and has none: open it with s2uc stream, or with --key-file at both ` +
        'ends; for Python clients the operator can start s2cs with --psk-from-uid.',
    );
  }
  const key = keyFromUid(uid);
  if (!key) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `uid ${uid} cannot be a key: without dashes it must be 32 to 128 hexadecimal digits, as a UUID is; leave out the uid` +
        `${pskOnly ? '' : ' or give a key of its own with --key-file'}.`,
    );
  }
  logger.warn({ uid }, 'this session has its uid as the key (--psk-from-uid): who knows the uid can take its stream');
  return key;
}
