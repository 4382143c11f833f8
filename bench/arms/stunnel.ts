import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pskIdentity } from '../../src/core/protection.js';
import type { Scope } from '../../src/core/scope.js';
import { Child } from '../support/child.js';
import { freePort, host } from '../support/ports.js';
import { locate } from '../support/programs.js';
import type { Arm } from './arm.js';

const keyBytes = 32;

/** What the relay does, by another program. */
export const stunnelPsk: Arm = twoHops('stunnel-psk', 'stunnel TLS 1.3 PSK', {
  global: ['debug = err'],
  service: ['sslVersionMin = TLSv1.3', 'ciphers = PSK', 'ciphersuites = TLS_AES_128_GCM_SHA256'],
});

/** The settings of the Python implementation's template: TLS 1.2 without encryption. */
export const stunnelNull: Arm = twoHops('stunnel-null', 'stunnel TLS 1.2 eNULL, upstream', {
  global: ['fips = no', 'securityLevel = 0', 'debug = 7', 'sslVersionMax = TLSv1.2'],
  service: ['ciphers = eNULL'],
});

interface Settings {
  readonly global: readonly string[];
  readonly service: readonly string[];
}

/** stunnel at both gateways, with one key. */
function twoHops(name: string, label: string, settings: Settings): Arm {
  return {
    name,
    label,
    needs: ['stunnel'],
    encrypted: true,
    open: async ({ target, folder }, scope) => {
      const secrets = path.join(folder, 'secrets');
      await writeFile(secrets, `${pskIdentity}:${randomBytes(keyBytes).toString('hex')}\n`, { mode: 0o600 });
      const [listener, middle] = [await freePort(), await freePort()];
      const end = async (client: boolean, accept: number, connect: number): Promise<number> => {
        const file = path.join(folder, client ? 'client.conf' : 'server.conf');
        await writeFile(file, configuration(settings, secrets, { client, accept, connect }));
        return run(file, scope);
      };
      return { listener, middle, pids: [await end(false, middle, target), await end(true, listener, middle)] };
    },
  };
}

interface End {
  readonly client: boolean;
  readonly accept: number;
  readonly connect: number;
}

function configuration({ global, service }: Settings, secrets: string, { client, accept, connect }: End): string {
  return [
    'foreground = yes',
    'pid =',
    `PSKsecrets = ${secrets}`,
    ...global,
    '[stream]',
    `client = ${client ? 'yes' : 'no'}`,
    `accept = ${host}:${accept}`,
    `connect = ${host}:${connect}`,
    ...service,
    '',
  ].join('\n');
}

function run(file: string, scope: Scope): number {
  return scope.use(new Child('stunnel', locate('stunnel'), [file])).pid;
}
