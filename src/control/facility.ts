import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Verifier } from '../auth/verifier.js';
import { isWildcard, parseIp, show, type Endpoint } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import type { Security } from '../core/protection.js';
import type { Logger } from '../observe/logger.js';
import type { Gateway } from './gateway.js';
import type { SessionManager } from './session-manager.js';
import type { TrafficFeed } from './traffic.js';

/** What the routes of both protocol versions work with. */
export interface Facility {
  readonly version: string;
  readonly gateway: Gateway;
  /** The gateway node's name. */
  readonly gatewayName: string;
  readonly sessions: SessionManager;
  readonly traffic: TrafficFeed;
  readonly verifier: Verifier;
  readonly logger: Logger;
  /** How streams are protected whose request does not ask for more. */
  readonly security: Security;
  /** Sessions need a key although nothing is encrypted: their peers prove that they hold it. */
  readonly pskOnly: boolean;
  /** A session without a key uses its uid as the key, as version 1 does. */
  readonly pskFromUid: boolean;
  /** The rate of version 1, which Python clients send unasked, is a limit. */
  readonly enforceV1Rate: boolean;
  /** Where the data listeners are. */
  readonly listenerIp: string;
  /** The most listeners one session may have. */
  readonly maxListeners: number;
  readonly maxSessions: number;
  readonly setupTimeoutMs: number;
}

/**
 * The address at which a caller wants its listeners, checked; empty when it does not care. A facility that listens on every
 * interface grants any address of this machine, another one only its own.
 */
export function grantListenerIp({ listenerIp }: Pick<Facility, 'listenerIp'>, wanted: string): string {
  if (wanted === '') return '';
  const ip = parseIp(wanted);
  const granted = isWildcard(listenerIp) ? covers(listenerIp, ip) && ownAddresses().includes(ip) : ip === listenerIp;
  if (granted) return ip;
  const offered = isWildcard(listenerIp) ? 'the addresses of its own machine' : listenerIp;
  throw new SciStreamError('BAD_FORMAT', `This facility cannot listen at ${show(wanted)}, only at ${offered}.`);
}

/** Listeners as a caller can use them: "every interface" is no address to connect to. */
export function presentListeners(
  listeners: readonly Endpoint[],
  listenerIp: string,
  reachedAt: string,
): readonly Endpoint[] {
  const shown = listenerIp !== '' ? listenerIp : reachedAt;
  return listeners.map(({ host, port }) => ({ host: isWildcard(host) && shown !== '' ? shown : host, port }));
}

/** `::` listens by both protocols, `0.0.0.0` by IPv4 only. */
function covers(wildcard: string, ip: string): boolean {
  return wildcard === '::' || isIPv4(ip);
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));
}
