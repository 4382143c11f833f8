import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Command, OptionValues } from '@commander-js/extra-typings';
import { TokenStore } from '../auth/token-store.js';
import { tokenFile, tokenFromEnvironment } from '../config/paths.js';
import { messageOf, SciStreamError } from '../core/errors.js';
import { parseDuration } from '../core/quantity.js';
import type { ServerOptions } from '../platform/control-peer.js';
import { argument, list } from './parse.js';

/** Where the Python tools look for the server's certificate. */
const usualCertificate = 'server.crt';

/** What every command takes for which request and Hello wait for each other. */
export function waiting<Args extends unknown[], Opts extends OptionValues>(command: Command<Args, Opts>) {
  const explained = 'how long request and Hello wait for each other (default: 185s)';
  return command.option('--hello-timeout <time>', explained, argument(parseDuration));
}

/** What every command that talks to a control server takes. */
export function reaching<Args extends unknown[], Opts extends OptionValues>(command: Command<Args, Opts>) {
  return command
    .option(
      '--server-cert <file>',
      'trust this certificate; repeat or separate by commas (default: server.crt here, if any)',
      list,
    )
    .option('--ssl', 'connect by TLS; --ssl=False for a server that runs without (default: on)')
    .option('--scope <scope>', 'use the token that login has stored for this scope')
    .option('--timeout <time>', 'how long one call may take (default: 30s)', argument(parseDuration));
}

export interface ReachFlags {
  serverCert?: string[] | undefined;
  ssl?: boolean | undefined;
  scope?: string | undefined;
  /** Milliseconds. */
  timeout?: number | undefined;
}

/** The flags of `reaching` as options of the library, for each of the servers. */
export async function reach(flags: ReachFlags, ...servers: string[]): Promise<ServerOptions[]> {
  const ca = await trusted(flags.serverCert);
  const token = await tokenSource(flags.scope);
  return servers.map((s2cs) => ({ s2cs, ca, ssl: flags.ssl, timeoutMs: flags.timeout, token }));
}

/** The flags as a user gave them, to go with a command that is suggested. */
export function reachFlags({ serverCert, ssl, scope }: ReachFlags): string {
  const trust = serverCert ? ` --server-cert ${serverCert.join()}` : '';
  return `${trust}${ssl === false ? ' --ssl=False' : ''}${scope === undefined ? '' : ` --scope ${scope}`}`;
}

/** The same for one server. */
export async function reachOne(flags: ReachFlags, s2cs: string): Promise<ServerOptions> {
  const [server] = await reach(flags, s2cs);
  if (!server) throw new SciStreamError('BAD_FORMAT', 'The address of a control server is needed.');
  return server;
}

/** The token as it may be shown: whether there is one. */
export async function maskedToken({ token }: ServerOptions): Promise<string> {
  return (await token?.()) === undefined ? 'NO_AUTH' : '********';
}

async function trusted(files: readonly string[] | undefined): Promise<string | undefined> {
  const chosen = files ?? (existsSync(usualCertificate) ? [usualCertificate] : []);
  const certificates = await Promise.all(
    chosen.map(async (file) => {
      try {
        return await readFile(file, 'utf8');
      } catch (error) {
        throw new SciStreamError('BAD_FORMAT', `Cannot read --server-cert ${file}: ${messageOf(error)}`, {
          cause: error,
        });
      }
    }),
  );
  return certificates.length > 0 ? certificates.join('\n') : undefined;
}

async function tokenSource(scope: string | undefined): Promise<(() => Promise<string | undefined>) | undefined> {
  const given = tokenFromEnvironment();
  if (given !== undefined) return () => Promise.resolve(given);
  if (scope === undefined) return undefined;
  const stored = await new TokenStore(tokenFile()).get(scope);
  if (stored === undefined) {
    throw new SciStreamError(
      'AUTH_ERROR',
      `There is no token for scope ${scope}; run "s2uc login --scope ${scope}" first.`,
    );
  }
  return () => Promise.resolve(stored);
}
