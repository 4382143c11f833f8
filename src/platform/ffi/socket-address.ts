import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Endpoint } from '../../core/endpoint.js';
import { family } from './constants.js';

/** Room for an address of any family. */
export const addressBytes = 28;

const inetBytes = 16;
const at = { family: 0, port: 2, inet: 4, inet6: 8, scope: 24 } as const;

/** An address in the form that the kernel reads and writes: it is translated when it is made or shown, not each time it is used. */
export class SocketAddress {
  /** A sockaddr_in or sockaddr_in6, followed by zeros. */
  readonly bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** `host` is an IPv4 or IPv6 address in digits. */
  static of({ host, port }: Endpoint): SocketAddress {
    const bytes = Buffer.alloc(addressBytes);
    bytes.writeUInt16BE(port, at.port);
    if (isIPv6(host)) writeInet6(bytes, host);
    else writeInet(bytes, host);
    return new SocketAddress(bytes);
  }

  /** A copy of what stands at `offset`; undefined when nothing has been written there. */
  static read(from: Buffer, offset: number): SocketAddress | undefined {
    const bytes = Buffer.from(from.subarray(offset, offset + addressBytes));
    return bytes.readUInt16LE(at.family) === 0 ? undefined : new SocketAddress(bytes);
  }

  get isInet6(): boolean {
    return this.bytes.readUInt16LE(at.family) === family.inet6;
  }

  /** In bytes, as the kernel counts them. */
  get length(): number {
    return this.isInet6 ? addressBytes : inetBytes;
  }

  get endpoint(): Endpoint {
    const port = this.bytes.readUInt16BE(at.port);
    return { host: this.isInet6 ? readInet6(this.bytes) : readInet(this.bytes), port };
  }
}

function writeInet(bytes: Buffer, host: string): void {
  bytes.writeUInt16LE(family.inet, at.family);
  for (const [index, part] of host.split('.').entries()) bytes.writeUInt8(Number(part), at.inet + index);
}

function readInet(bytes: Buffer): string {
  return bytes.subarray(at.inet, at.inet + 4).join('.');
}

function writeInet6(bytes: Buffer, host: string): void {
  const [address = '', zone = ''] = host.split('%');
  bytes.writeUInt16LE(family.inet6, at.family);
  for (const [index, group] of groupsOf(address).entries()) bytes.writeUInt16BE(group, at.inet6 + 2 * index);
  bytes.writeUInt32LE(scopeOf(zone), at.scope);
}

/** In the form that people write; the URL parser knows its rules. */
function readInet6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(at.inet6 + 2 * index).toString(16));
  const scope = bytes.readUInt32LE(at.scope);
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1) + (scope === 0 ? '' : `%${scope}`);
}

/** The number of an interface, of which a link-local address has its meaning; 0 for none. */
function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  const scopes = (networkInterfaces()[zone] ?? []).map((address) => (address.family === 'IPv6' ? address.scopeid : 0));
  return Math.max(0, ...scopes);
}

/** The eight groups of an IPv6 address, also of one that ends in an IPv4 address. */
function groupsOf(address: string): number[] {
  const dotted = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a: string, b: string, c: string, d: string) => {
    return `${((Number(a) << 8) | Number(b)).toString(16)}:${((Number(c) << 8) | Number(d)).toString(16)}`;
  });
  const [head = '', tail] = dotted.split('::');
  const parse = (text: string | undefined): number[] =>
    text ? text.split(':').map((group) => parseInt(group, 16)) : [];
  const [first, last] = [parse(head), parse(tail)];
  return tail === undefined ? first : [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}
