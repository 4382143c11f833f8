import { z } from 'zod';
import { isLoopback, parseIp, parseListenPort } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import { parsePortRange } from '../core/port-range.js';
import { parseSecurity } from '../core/protection.js';
import { parseDuration } from '../core/quantity.js';
import { filePath, flag, loadConfig, parsed, type ConfigSources } from './load.js';
import { defaultStateDir } from './paths.js';
import { proxySettings } from './proxy.js';
import { relaySettings } from './relay.js';

const schema = z.strictObject({
  listenerIp: parsed(parseIp).prefault('127.0.0.1'),
  port: parsed(parseListenPort).prefault('5000'),
  portRange: parsed(parsePortRange).prefault('5100-5200'),
  type: z.string().default('relay'),
  security: parsed(parseSecurity).optional(),
  pskFromUid: flag.default(false),
  enforceV1Rate: flag.default(false),
  ssl: flag.default(true),
  serverCrt: filePath.optional(),
  serverKey: filePath.optional(),
  stateDir: filePath.prefault(defaultStateDir('s2cs')),
  allowAnonymous: flag.default(false),
  allowInsecure: flag.default(false),
  helloTimeout: parsed(parseDuration).prefault('180s'),
  maxSessions: z.coerce.number().int().min(1).max(100_000).default(1000),
  ...relaySettings,
  ...proxySettings,
  verbose: flag.default(false),
  json: flag.default(false),
});

export type S2csConfig = Readonly<z.output<typeof schema>>;

/** Settings of a control server. Throws BAD_FORMAT for a wrong value and for a combination that would not be safe. */
export async function loadS2csConfig(sources: Omit<ConfigSources, 'envPrefix'>): Promise<S2csConfig> {
  const config = await loadConfig(schema, { ...sources, envPrefix: 'SCISTREAM_S2CS_' });
  const { listenerIp, ssl, allowAnonymous, allowInsecure, serverCrt, serverKey } = config;
  if (!isLoopback(listenerIp) && !allowAnonymous) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `Anyone who reaches ${listenerIp} could open streams, as there is no authentication; add --allow-anonymous if that is meant.`,
    );
  }
  if (!ssl && !isLoopback(listenerIp) && !allowInsecure) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `--ssl=False at ${listenerIp} would send requests and tokens in clear text; add --allow-insecure if that is meant.`,
    );
  }
  if ((serverCrt === undefined) !== (serverKey === undefined)) {
    throw new SciStreamError('BAD_FORMAT', '--server-crt and --server-key belong together; give both or neither.');
  }
  if (config.legacyStunnelPeer && config.security === 'tls-psk') {
    throw new SciStreamError(
      'BAD_FORMAT',
      '--legacy-stunnel-peer does not encrypt, which --security tls-psk demands: leave one of them out.',
    );
  }
  return config;
}
