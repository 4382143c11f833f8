import { isIP, isIPv4, isIPv6 } from 'node:net';
import { SciStreamError } from './errors.js';

/** A host and a TCP or UDP port. `host` is an IPv4 or IPv6 address (no brackets) or a DNS name. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const dnsName = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;
/** More than any stream needs, and few enough that thousands of sessions fit in one message. */
const mostEndpoints = 256;
const decimal = /^(0|[1-9][0-9]{0,4})$/;

/** Nothing else in the program splits an address: `10.0.0.1:5100`, `[2001:db8::1]:5100` or `host.example:5100`. */
export function parseEndpoint(text: string): Endpoint {
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(text);
  const plain = /^([^:[\]]*):([^:]*)$/.exec(text);
  const [, host, port] = bracketed ?? plain ?? [];
  if (host === undefined || port === undefined) throw badEndpoint(text);
  if (bracketed ? !isIPv6(host) : !isIPv4(host) && !isDnsName(host)) throw badEndpoint(text);
  return { host, port: parsePort(port, text) };
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** 1 to 256 endpoints, separated by commas or already split. */
export function parseEndpoints(text: string | readonly string[]): [Endpoint, ...Endpoint[]] {
  const parts = typeof text === 'string' ? text.split(',').map((part) => part.trim()) : text;
  if (parts.length > mostEndpoints) {
    throw new SciStreamError('BAD_FORMAT', `${parts.length} addresses are too many; give at most ${mostEndpoints}.`);
  }
  const [first, ...rest] = parts.map(parseEndpoint);
  if (first === undefined) throw new SciStreamError('BAD_FORMAT', 'At least one host:port is needed.');
  return [first, ...rest];
}

/** A port a peer can be reached at: 1 to 65535. `context` is shown when it is not one. */
export function parsePort(text: string, context = text): number {
  const port = decimal.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) {
    throw new SciStreamError('BAD_FORMAT', `${show(context)} needs a port from 1 to 65535.`);
  }
  return port;
}

/** A port a server can be asked to listen on: 0 lets the system choose. */
export function parseListenPort(text: string): number {
  return text === '0' ? 0 : parsePort(text);
}

/** An IP address as it is written without a port; brackets around IPv6 are accepted. */
export function parseIp(text: string): string {
  const address = text.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) === 0) {
    throw new SciStreamError('BAD_FORMAT', `${show(text)} is not an IP address, such as 192.0.2.7 or ::1.`);
  }
  return address;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** True for the addresses that mean "every interface". */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function isDnsName(host: string): boolean {
  // All digits and dots is a mistyped IPv4 address, not a name.
  return dnsName.test(host) && !/^[0-9.]+$/.test(host);
}

function badEndpoint(text: string): SciStreamError {
  return new SciStreamError(
    'BAD_FORMAT',
    `${show(text)} is not host:port; write 192.0.2.7:5100, [2001:db8::7]:5100 or host.example:5100.`,
  );
}

/** A user's value made safe to repeat in a message: quoted, without control characters, not endless. */
export function show(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
