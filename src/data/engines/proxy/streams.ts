import { isIP } from 'node:net';
import { formatEndpoint, show } from '../../../core/endpoint.js';
import { SciStreamError } from '../../../core/errors.js';
import type { Program } from '../../runners/runner.js';
import type { ProxySettings, ProxyStream } from './proxy.js';

/** Timers of these programs are signed 32-bit milliseconds: 24 days is "never" to them. */
const longestTimerMs = 24 * 86_400_000;

/**
 * The streams, when the program can use all their addresses. Throws NOT_IMPLEMENTED naming one that it cannot: neither haproxy
 * nor nginx knows the interface of a link-local address, and a name has no place in a configuration.
 */
export function plainStreams({ name }: Program, { streams }: ProxySettings): readonly ProxyStream[] {
  for (const { listener, targets } of streams) {
    for (const endpoint of [listener, ...targets]) {
      if (isIP(endpoint.host) === 0 || endpoint.host.includes('%')) {
        const address = formatEndpoint(endpoint);
        throw new SciStreamError(
          'NOT_IMPLEMENTED',
          `${name} cannot use ${address}; give an address without interface.`,
        );
      }
    }
  }
  return streams;
}

/** The folder, when its path is one word in every configuration. Throws BAD_FORMAT: the operator chose it. */
export function plainFolder({ folder }: ProxySettings): string {
  if (!/^[\p{L}\p{N}/._@+=~-]+$/u.test(folder)) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `${show(folder)} has no place in a configuration; choose a plain --state-dir.`,
    );
  }
  return folder;
}

/** How long a connection may be silent, in milliseconds, as a timer of the program can hold it. */
export function idleTimer({ idleTimeoutMs }: ProxySettings): number {
  return idleTimeoutMs === 0 ? longestTimerMs : Math.min(idleTimeoutMs, longestTimerMs);
}

export function within(least: number, value: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}
