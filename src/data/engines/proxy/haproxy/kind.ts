import { socketPath } from '../../../../platform/state-dir.js';
import type { Program } from '../../../runners/runner.js';
import type { ProxyKind, ProxySettings } from '../proxy.js';
import { idleTimer, plainFolder, plainStreams, within } from '../streams.js';
import { HaproxyControl } from './control.js';

const program: Program = {
  name: 'haproxy',
  commands: ['haproxy', '/usr/sbin/haproxy', '/usr/local/sbin/haproxy'],
  packages: ['haproxy'],
  versionArguments: ['-v'],
  versionPattern: /version (\d+(?:\.\d+)+)/,
};

/** It is compiled for 64 threads at most. */
const mostThreads = 64;
/** What a user without privileges may give a pipe. */
const largestPipe = 1 << 20;

/** Bytes per second: what HAProxy can be told to limit a stream to fits in 32 bits, and is more than it carries. */
const highestRate = 4_000_000_000;

/** HAProxy 2.6 or newer. A limit of the rate stays as it was when the program was started. */
export const haproxy: ProxyKind = {
  program,
  capabilities: { protection: ['none'], udp: false, rate: { from: '2.7' } },
  template: 'haproxy.cfg.j2',
  values(settings) {
    const streams = plainStreams(program, settings);
    return {
      socket: adminSocket(plainFolder(settings)),
      threads: Math.min(settings.workers, mostThreads),
      pipeSize: within(1 << 16, settings.bufferSize, largestPipe),
      retries: retriesOf(settings),
      rate: Math.min(settings.maxRate, highestRate),
      idle: idleTimer(settings),
      streams,
    };
  },
  files: () => [],
  arguments: (configuration) => ['-db', '-f', configuration],
  checkArguments: (configuration) => ['-c', '-f', configuration],
  control: (options) => new HaproxyControl(options, adminSocket(options.place.folder)),
};

/** The path in this folder, whichever side sees it so. HAProxy binds the socket under a longer name first. */
function adminSocket(folder: string): string {
  const suffix = '.1234567.tmp';
  return socketPath(folder, `admin.sock${suffix}`).slice(0, -suffix.length);
}

/**
 * Enough to come to every target, as a retry goes to the next one at once. With one target only it waits a second before it
 * tries the same again: two retries bridge a restart of the application.
 */
function retriesOf({ streams }: ProxySettings): number {
  return Math.max(2, ...streams.map(({ targets }) => targets.length - 1));
}
