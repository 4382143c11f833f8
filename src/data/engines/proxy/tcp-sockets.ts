import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { promisify } from 'node:util';
import { plainEnvironment } from '../../../config/load.js';
import { isWildcard, type Endpoint } from '../../../core/endpoint.js';
import { parseProcNet, parseSs, plainAddress } from './tcp-sockets-text.js';

const run = promisify(execFile);

/** One open TCP connection of this machine. What only the kernel's TCP_INFO tells is absent where `ss` is missing. */
export interface TcpSocket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Bytes of the stream, each counted once. */
  readonly bytesReceived?: number;
  readonly bytesSent?: number;
  readonly rttUs?: number;
  /** Segments. */
  readonly retransmits?: number;
}

export interface SocketInfo {
  readonly listener: Endpoint;
  readonly client: Endpoint;
  /**
   * Received from the client, and sent to it: bytes on the wire. On a plain leg that is the payload; on one with TLS it is
   * more (records and handshakes), and must not be reported as payload.
   */
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  readonly rttUs?: number;
  readonly retransmits?: number;
}

/**
 * The connections that were accepted at these listeners and that a process holds, half-closed ones among them. Undefined where
 * neither `ss` nor /proc tells.
 */
export async function establishedAt(listeners: readonly Endpoint[]): Promise<readonly SocketInfo[] | undefined> {
  const sockets = await tcpSockets({ local: listeners.map(({ port }) => port), remote: [] });
  return sockets?.flatMap(({ local, remote: client, bytesReceived, bytesSent, rttUs, retransmits }) => {
    const listener = listeners.find((one) => accepts(one, local));
    if (!listener) return [];
    return [
      {
        listener,
        client,
        ...(bytesReceived !== undefined && { bytesIn: bytesReceived }),
        ...(bytesSent !== undefined && { bytesOut: bytesSent }),
        ...(rttUs !== undefined && { rttUs }),
        ...(retransmits !== undefined && { retransmits }),
      },
    ];
  });
}

/** The connections from or to these ports that a process holds. Undefined where neither `ss` nor /proc tells. */
export async function tcpSockets(ports: {
  readonly local: readonly number[];
  readonly remote: readonly number[];
}): Promise<readonly TcpSocket[] | undefined> {
  if (ports.local.length + ports.remote.length === 0) return [];
  return (await fromSs(ports)) ?? (await fromProc(ports));
}

type Ports = Parameters<typeof tcpSockets>[0];

async function fromSs({ local, remote }: Ports): Promise<readonly TcpSocket[] | undefined> {
  const states = ['established', 'close-wait', 'fin-wait-1', 'fin-wait-2'].flatMap((state) => ['state', state]);
  const some = [
    ...unique(local).map((port) => `sport = :${port}`),
    ...unique(remote).map((port) => `dport = :${port}`),
  ];
  try {
    const options = { env: plainEnvironment(), timeout: 5_000, maxBuffer: 1 << 28 };
    const { stdout } = await run('ss', ['-HtinOe', ...states, `( ${some.join(' or ')} )`], options);
    return parseSs(stdout);
  } catch {
    // Not installed, or too old for these options.
    return undefined;
  }
}

async function fromProc({ local, remote }: Ports): Promise<readonly TcpSocket[] | undefined> {
  const tables = await Promise.allSettled(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'latin1')));
  const texts = tables.flatMap((table) => (table.status === 'fulfilled' ? [table.value] : []));
  if (texts.length === 0) return undefined;
  return texts
    .flatMap(parseProcNet)
    .filter((socket) => local.includes(socket.local.port) || remote.includes(socket.remote.port));
}

function accepts(listener: Endpoint, local: Endpoint): boolean {
  if (listener.port !== local.port) return false;
  if (listener.host === '0.0.0.0') return isIPv4(local.host);
  return isWildcard(listener.host) || canonicalHost(listener.host) === canonicalHost(local.host);
}

/** The one way in which the system writes that address. */
export function canonicalHost(host: string): string {
  if (!isIPv6(host)) return host;
  const [address = host, scope] = host.split('%');
  const { address: written } = new SocketAddress({ address, family: 'ipv6' });
  return scope === undefined ? plainAddress(written) : `${written}%${scope}`;
}

function unique(ports: readonly number[]): readonly number[] {
  return [...new Set(ports)];
}
