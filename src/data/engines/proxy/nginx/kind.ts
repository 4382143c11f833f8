import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { socketPath } from '../../../../platform/state-dir.js';
import type { Program } from '../../../runners/runner.js';
import type { ProxyKind, ProxySettings } from '../proxy.js';
import { idleTimer, plainFolder, plainStreams, within } from '../streams.js';
import { NginxControl } from './control.js';
import { logFiles } from './session-log.js';

const program: Program = {
  name: 'nginx',
  commands: ['nginx', '/usr/sbin/nginx', '/usr/local/sbin/nginx'],
  packages: ['nginx-core', 'libnginx-mod-stream'],
  versionArguments: ['-v'],
  versionPattern: /nginx\/(\d+(?:\.\d+)+)/,
};

/** A datagram must fit in it; it is taken twice for each connection. */
const smallestBuffer = 1 << 16;
const largestBuffer = 1 << 18;
/** A flow of datagrams has no end but silence. The relay waits as long. */
const usualFlowIdleMs = 60_000;

/**
 * nginx 1.21.4 or newer with its stream module. Its rate limits each connection by itself: several together may be faster, and
 * open ones keep the rate that they began with. Flows of datagrams that are open when the targets change move to the new ones: a reload
 * takes from the old worker the socket over which all of them go, however long that worker is let live.
 */
export const nginx: ProxyKind = {
  program,
  capabilities: { protection: ['none'], udp: true, rate: true },
  template: 'nginx.conf.j2',
  values: (settings) => ({ ...valuesOf(settings), status: socketPath(settings.folder, statusName(settings)) }),
  files: () => [],
  // Without -p: Debian's files that load modules are relative to the prefix that was compiled in.
  arguments: (configuration) => ['-e', 'stderr', '-c', configuration],
  checkArguments: (configuration) => ['-t', '-e', 'stderr', '-c', configuration],
  async prepare({ folder }) {
    // It binds no socket whose file is there, and what it counted began with its start.
    const stale = (await readdir(folder)).filter((name) => name.endsWith('.sock'));
    await Promise.all([...stale, ...logFiles].map((name) => rm(path.join(folder, name), { force: true })));
  },
  control: (options) => new NginxControl(options, (settings) => socketPath(options.place.folder, statusName(settings))),
};

function valuesOf(settings: ProxySettings): Readonly<Record<string, unknown>> {
  const { transport, workers, bufferSize, maxRate, idleTimeoutMs } = settings;
  const udp = transport === 'udp';
  return {
    folder: plainFolder(settings),
    udp,
    // Workers would share a socket for datagrams, and those of one flow would go to any of them, each with a flow of its own.
    workers: udp ? 1 : workers,
    bufferSize: within(smallestBuffer, bufferSize, largestBuffer),
    rate: maxRate,
    idle: udp && idleTimeoutMs === 0 ? usualFlowIdleMs : idleTimer(settings),
    listenOptions: udp ? ' udp' : ' so_keepalive=60s::',
    streams: plainStreams(program, settings),
  };
}

/** Another name for another configuration: who listens at it shows which one is in force. */
function statusName(settings: ProxySettings): string {
  const hash = createHash('sha256')
    .update(JSON.stringify(valuesOf(settings)))
    .digest('hex');
  return `${hash.slice(0, 16)}.sock`;
}
