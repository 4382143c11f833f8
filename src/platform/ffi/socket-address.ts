import { isIPv6 } from 'node:net';
import type { Endpoint } from '../../core/endpoint.js';
import { family } from './constants.js';

/** Room for an address of any family. */
export const addressBytes = 28;

/** Writes a sockaddr at `offset` and answers its length. `host` is an IPv4 or IPv6 address in digits. */
export function writeAddress(bytes: Buffer, offset: number, { host, port }: Endpoint): number {
  bytes.fill(0, offset, offset + addressBytes);
  bytes.writeUInt16BE(port, offset + 2);
  if (isIPv6(host)) {
    bytes.writeUInt16LE(family.inet6, offset);
    for (const [index, group] of groupsOf(host).entries()) bytes.writeUInt16BE(group, offset + 8 + 2 * index);
    return 28;
  }
  bytes.writeUInt16LE(family.inet, offset);
  for (const [index, part] of host.split('.').entries()) bytes.writeUInt8(Number(part), offset + 4 + index);
  return 16;
}

/** The eight groups of an IPv6 address, also of one that ends in an IPv4 address. */
function groupsOf(host: string): number[] {
  const [plain = ''] = host.split('%');
  const dotted = plain.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a: string, b: string, c: string, d: string) => {
    return `${((Number(a) << 8) | Number(b)).toString(16)}:${((Number(c) << 8) | Number(d)).toString(16)}`;
  });
  const [head = '', tail] = dotted.split('::');
  const parse = (text: string | undefined): number[] =>
    text ? text.split(':').map((group) => parseInt(group, 16)) : [];
  const [first, last] = [parse(head), parse(tail)];
  return tail === undefined ? first : [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** The address that `writeAddress` or the kernel has put there. */
export function readAddress(bytes: Buffer, offset: number): Endpoint {
  const port = bytes.readUInt16BE(offset + 2);
  if (bytes.readUInt16LE(offset) === family.inet)
    return { host: bytes.subarray(offset + 4, offset + 8).join('.'), port };
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(offset + 8 + 2 * index).toString(16));
  return { host: shorten(groups), port };
}

/** In the form that people write; the URL parser knows its rules. */
function shorten(groups: readonly string[]): string {
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
