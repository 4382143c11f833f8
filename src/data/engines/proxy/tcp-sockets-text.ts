import { SocketAddress } from 'node:net';
import type { Endpoint } from '../../../core/endpoint.js';
import type { TcpSocket } from './tcp-sockets.js';

/** What `ss -HtinOe` prints for several states: without the inode 0 of connections that no process holds (yet, or any more). */
export function parseSs(text: string): readonly TcpSocket[] {
  return text.split('\n').flatMap((line) => {
    const [, state, near = '', far = '', details = ''] = /^(\S+) +\d+ +\d+ +(\S+) +(\S+)(.*)$/.exec(line) ?? [];
    const local = endpointOf(near);
    const remote = endpointOf(far);
    if (!local || !remote || number(/ ino:(\d+)/, details) === 0) return [];
    return [{ local, remote, ...(details.includes(' cwnd:') && infoOf(details, state === 'CLOSE-WAIT')) }];
  });
}

/** /proc/net/tcp or tcp6. */
export function parseProcNet(text: string): readonly TcpSocket[] {
  const open = new Set(['01', '04', '05', '08']);
  return text.split('\n').flatMap((line) => {
    const [, near = '', far = '', state = '', , , , , , inode = '0'] = line.trim().split(/\s+/);
    const local = endpointOfHex(near);
    const remote = endpointOfHex(far);
    return local && remote && open.has(state) && inode !== '0' ? [{ local, remote }] : [];
  });
}

/** An IPv4 address as such, also where an IPv6 socket carries it. */
export function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** ss leaves out what is zero. The end of the other side counts as a received byte. */
function infoOf(details: string, otherSideEnded: boolean): Omit<TcpSocket, 'local' | 'remote'> {
  const received = number(/ bytes_received:(\d+)/, details) ?? 0;
  const sent = number(/ bytes_sent:(\d+)/, details) ?? 0;
  const rtt = number(/ rtt:([\d.]+)/, details);
  return {
    bytesReceived: Math.max(0, received - (otherSideEnded ? 1 : 0)),
    bytesSent: sent - (number(/ bytes_retrans:(\d+)/, details) ?? 0),
    retransmits: number(/ retrans:\d+\/(\d+)/, details) ?? 0,
    ...(rtt !== undefined && { rttUs: Math.round(rtt * 1000) }),
  };
}

function number(pattern: RegExp, text: string): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** `127.0.0.1:80`, `[::1]:80`, `[fe80::1]%eth0:80`, `127.0.0.1%lo:80`. */
function endpointOf(text: string): Endpoint | undefined {
  const [, six, four = '', scope, port] = /^(?:\[([^\]]+)\]|([^%:]+))(?:%([^:]+))?:(\d+)$/.exec(text) ?? [];
  if (port === undefined) return undefined;
  const host = six === undefined ? four : plainAddress(six) + (scope === undefined ? '' : `%${scope}`);
  return { host, port: Number(port) };
}

/** `0100007F:1F90`: words of four bytes in the order of the machine, which is little-endian wherever Node runs on Linux but s390x. */
function endpointOfHex(text: string): Endpoint | undefined {
  const [, address, port] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text) ?? [];
  if (address === undefined || port === undefined) return undefined;
  const bytes = Buffer.from(address, 'hex').swap32();
  return { host: hostOf(bytes), port: Number.parseInt(port, 16) };
}

function hostOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  const { address } = new SocketAddress({ address: groups.join(':'), family: 'ipv6' });
  return plainAddress(address);
}
