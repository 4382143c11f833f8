import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from './engine.js';
import { temporaryDir } from './facility.js';
import { Program } from './program.js';

/** As the Python implementation configures it: S1. Answers where it listens. */
export async function legacyStunnel(options: { client: boolean; connect: string; key: Uint8Array }): Promise<string> {
  const folder = await temporaryDir();
  const [secrets, file] = [path.join(folder, 'key'), path.join(folder, 'stunnel.conf')];
  await writeFile(secrets, `client1:${Buffer.from(options.key).toString('hex')}\n`, { mode: 0o600 });
  const address = `127.0.0.1:${await freePort()}`;
  const lines = [
    'foreground = yes',
    'pid =',
    'debug = info',
    'ciphers = eNULL',
    'securityLevel = 0',
    'sslVersionMax = TLSv1.2',
    '[stream]',
    `client = ${options.client ? 'yes' : 'no'}`,
    `accept = ${address}`,
    `connect = ${options.connect}`,
    `PSKsecrets = ${secrets}`,
    ...(options.client ? ['PSKidentity = client1'] : []),
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  await new Program('stunnel', [file]).shows(/bound to/, 'stderr');
  return address;
}
