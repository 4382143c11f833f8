import { hostname } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { parseIp } from '../core/endpoint.js';
import { parsePortRange } from '../core/port-range.js';
import { filePath, flag, loadConfig, parsed, type ConfigSources } from './load.js';
import { defaultStateDir } from './paths.js';
import { proxySettings } from './proxy.js';
import { relaySettings } from './relay.js';

const schema = z.strictObject({
  listenerIp: parsed(parseIp).prefault('127.0.0.1'),
  portRange: parsed(parsePortRange).prefault('5100-5200'),
  socket: filePath.prefault(path.join(defaultStateDir('s2ds'), 's2ds.sock')),
  name: z.string().min(1).default(hostname()),
  managed: flag.default(false),
  ...relaySettings,
  ...proxySettings,
  debugMemory: flag.default(false),
  verbose: flag.default(false),
});

export type S2dsConfig = Readonly<z.output<typeof schema>>;

/** Settings of a data server. Throws BAD_FORMAT naming the setting that is wrong. */
export function loadS2dsConfig(sources: Omit<ConfigSources, 'envPrefix'>): Promise<S2dsConfig> {
  return loadConfig(schema, { ...sources, envPrefix: 'SCISTREAM_S2DS_' });
}
