import { rm } from 'node:fs/promises';
import path from 'node:path';
import { SciStreamError } from '../../../../core/errors.js';
import { pskIdentity } from '../../../../core/protection.js';
import type { ProxyKind, ProxySettings } from '../proxy.js';
import { plainFolder } from '../streams.js';
import { StunnelControl } from './control.js';
import { logName, serviceName } from './journal.js';
import { nobodysCertificate } from './nobody.js';

const secretsName = 'psk.txt';
const nobodyName = 'nobody.pem';

/** stunnel counts milliseconds in 32 bits, so that this is the longest it can wait: 24 days. */
const longestSeconds = 2_147_483;

/**
 * stunnel with TLS 1.3 and a key that both ends hold. A reload closes all listeners and opens them again: for about a
 * millisecond, or more where there are many, connections are refused, and those it has not accepted yet are reset; connections
 * that are open stay.
 */
export const stunnel: ProxyKind = {
  program: {
    name: 'stunnel',
    commands: ['stunnel4', 'stunnel'],
    packages: ['stunnel4'],
    versionArguments: ['-version'],
    versionPattern: /\bstunnel (\d+\.\d+\S*) on /,
  },
  capabilities: { protection: ['tls-psk'], udp: false, rate: false },
  template: 'stunnel.conf.j2',

  values(settings) {
    const folder = plainFolder(settings);
    return {
      log: path.posix.join(folder, logName),
      secrets: path.posix.join(folder, secretsName),
      nobody: path.posix.join(folder, nobodyName),
      identity: pskIdentity,
      client: settings.wan === 'target',
      legacyPeer: settings.protection.kind === 'psk-only',
      connectSeconds: 10,
      handshakeSeconds: 10,
      idleSeconds: idleSeconds(settings.idleTimeoutMs),
      streams: settings.streams.map((stream, index) => ({ name: serviceName(index), ...stream })),
    };
  },

  files(settings) {
    const secrets = { name: secretsName, content: `${pskIdentity}:${keyOf(settings)}\n` };
    return settings.wan === 'target' ? [secrets, { name: nobodyName, content: nobodysCertificate() }] : [secrets];
  },

  arguments(configuration) {
    return [configuration];
  },

  async prepare({ folder }) {
    // Its end came while the log was renewed, perhaps; what it had counted is counted already.
    for (const name of [logName, `${logName}.old`]) await rm(path.join(folder, name), { force: true });
  },

  control(options) {
    return new StunnelControl(options);
  },
};

/**
 * stunnel that pairs with one that is configured as the Python implementation does it: TLS 1.2 with the one suite
 * PSK-NULL-SHA256, so that peers are authenticated and the data is not encrypted.
 */
export const legacyStunnel: ProxyKind = {
  ...stunnel,
  capabilities: { protection: ['psk-only'], udp: false, rate: false },
};

function idleSeconds(ms: number): number {
  return ms === 0 ? longestSeconds : Math.min(Math.ceil(ms / 1000), longestSeconds);
}

function keyOf({ protection }: ProxySettings): string {
  if (protection.kind !== 'none') return Buffer.from(protection.key.expose()).toString('hex');
  throw new SciStreamError('NOT_IMPLEMENTED', 'stunnel forwards with a key only; ask for the security tls-psk.');
}
