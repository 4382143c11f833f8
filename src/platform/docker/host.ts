import path from 'node:path';
import { formatEndpoint, parseEndpoint, show, type Endpoint } from '../../core/endpoint.js';
import { SciStreamError } from '../../core/errors.js';

/** Where a Docker Engine's API is served. */
export type DockerHost =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly protocol: 'http' | 'https'; readonly endpoint: Endpoint };

const defaultSocket = '/var/run/docker.sock';
/** Linux keeps a Unix socket's path in 108 bytes, the closing zero included. */
const longestSocketPath = 107;
const protocols = { tcp: 'http', http: 'http', https: 'https' } as const;

/**
 * `unix://PATH`, `/PATH`, `tcp://HOST:PORT`, `http://HOST:PORT` or `https://HOST:PORT`; undefined is the Engine's usual socket.
 * Throws BAD_FORMAT.
 */
export function parseDockerHost(text: string | undefined): DockerHost {
  if (text === undefined) return { kind: 'unix', path: defaultSocket };
  if (text.startsWith('/')) return { kind: 'unix', path: parseSocketPath(text, text) };
  const [, scheme, rest] = /^([a-z]+):\/\/(.+)$/.exec(text) ?? [];
  if (scheme === undefined || rest === undefined) throw badHost(text);
  if (scheme === 'unix') return { kind: 'unix', path: parseSocketPath(rest, text) };
  if (!isTcpScheme(scheme)) throw badHost(text);
  return { kind: 'tcp', protocol: protocols[scheme], endpoint: parseServer(rest, text) };
}

export function formatDockerHost(host: DockerHost): string {
  if (host.kind === 'unix') return `unix://${host.path}`;
  return `${host.protocol === 'https' ? 'https' : 'tcp'}://${formatEndpoint(host.endpoint)}`;
}

function isTcpScheme(scheme: string): scheme is keyof typeof protocols {
  return Object.hasOwn(protocols, scheme);
}

function parseSocketPath(file: string, text: string): string {
  const usable = path.isAbsolute(file) && !file.includes('\0') && !file.endsWith('/');
  if (!usable || Buffer.byteLength(file) > longestSocketPath) throw badHost(text);
  return file;
}

function parseServer(rest: string, text: string): Endpoint {
  try {
    return parseEndpoint(rest.replace(/\/$/, ''));
  } catch (error) {
    throw badHost(text, error);
  }
}

function badHost(text: string, cause?: unknown): SciStreamError {
  return new SciStreamError(
    'BAD_FORMAT',
    `${show(text)} is not the address of a Docker Engine; write unix:///var/run/docker.sock, tcp://127.0.0.1:2375 or https://host.example:2376.`,
    { cause },
  );
}
