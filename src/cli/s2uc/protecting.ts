import type { Command, OptionValues } from '@commander-js/extra-typings';
import type { SessionInfo } from '../../client/session-info.js';
import { SciStreamError } from '../../core/errors.js';
import { parseSecurity, type Security, type Transport } from '../../core/protection.js';
import type { Secret } from '../../core/secret.js';
import { argument } from '../parse.js';
import { NewKeyFile, readKeyFile } from './key-file.js';

/** How the leg between the facilities is to be, of everything that opens one end or both. */
export function protecting<Args extends unknown[], Opts extends OptionValues>(command: Command<Args, Opts>) {
  const explained = 'protect the data between the facilities: tls-psk or none (default: as they demand)';
  return command
    .option('--security <how>', explained, argument(parseSecurity))
    .option('--udp', 'forward datagrams instead of connections');
}

/** The same with the key that commands for one end hand to each other by a file. */
export function keyWriting<Args extends unknown[], Opts extends OptionValues>(command: Command<Args, Opts>) {
  return protecting(command)
    .option('--key-file <file>', 'encrypt with a new random key, written to this file for outbound-request')
    .option('--force', 'replace the key file if there is one');
}

export function keyReading<Args extends unknown[], Opts extends OptionValues>(command: Command<Args, Opts>) {
  return protecting(command).option('--key-file <file>', 'encrypt with the key in this file, from inbound-request');
}

export interface ProtectionFlags {
  security?: Security | undefined;
  udp?: boolean | undefined;
  keyFile?: string | undefined;
  force?: boolean | undefined;
}

export interface ProtectionOptions {
  security: Security | undefined;
  transport: Transport | undefined;
}

export function protectionOptions({ security, udp, keyFile }: ProtectionFlags): ProtectionOptions {
  if (keyFile !== undefined && security === 'none') {
    throw new SciStreamError('BAD_FORMAT', 'A --key-file is of no use with --security none; leave one of them out.');
  }
  // Who brings a key wants it used, also where the facility would do without.
  return { security: keyFile === undefined ? security : 'tls-psk', transport: udp ? 'udp' : undefined };
}

type Request = (protection: ProtectionOptions & { key?: Secret }) => Promise<SessionInfo>;

/** Requests a session with a new key, whose file stays only if the session does. */
export async function requestWithNewKey(flags: ProtectionFlags, request: Request): Promise<SessionInfo> {
  const protection = protectionOptions(flags);
  if (flags.keyFile === undefined) return request(protection);
  await using file = await NewKeyFile.create(flags.keyFile, flags.force === true);
  const session = await request({ ...protection, key: file.key });
  await file.keep();
  return session;
}

/** Requests a session with the key of the other end. */
export async function requestWithKey(flags: ProtectionFlags, request: Request): Promise<SessionInfo> {
  const protection = protectionOptions(flags);
  if (flags.keyFile === undefined) return request(protection);
  return request({ ...protection, key: await readKeyFile(flags.keyFile) });
}
