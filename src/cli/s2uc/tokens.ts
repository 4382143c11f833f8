import { text } from 'node:stream/consumers';
import { isCancel, password } from '@clack/prompts';
import { Command } from '@commander-js/extra-typings';
import { TokenStore } from '../../auth/token-store.js';
import { ControlClient } from '../../client/control-client.js';
import { tokenFile, tokenFromEnvironment } from '../../config/paths.js';
import { SciStreamError } from '../../core/errors.js';
import { Interrupted, stopSignal } from '../main.js';
import { print, printJson } from '../output.js';
import { reaching, reachOne, type ReachFlags } from '../server-options.js';

/** Stores a token, given by the terminal or by stdin, never by an argument that others could see. */
export const login = reaching(new Command('login'))
  .summary('store a token')
  .description('Stores an access token for a scope. It is asked for on the terminal, or read from stdin.')
  .option('--s2cs <host:port>', 'ask this control server for its scope')
  .option('--json', 'print the scope as JSON')
  .action(async ({ s2cs, json, ...flags }) => {
    const scope = await scopeFor(flags, s2cs);
    const token = (await readToken(scope)).trim();
    if (token === '' || /\s/.test(token))
      throw new SciStreamError('BAD_FORMAT', 'That is not a token: it is empty or has spaces.');
    await new TokenStore(tokenFile()).put(scope, token);
    if (json) printJson({ scope });
    else print(`Stored a token for scope ${scope}.`);
  });

export const logout = new Command('logout')
  .summary('forget stored tokens')
  .description('Forgets the stored token of a scope, or all of them.')
  .option('--scope <scope>', 'only the token for this scope')
  .option('--json', 'print what was forgotten as JSON')
  .action(async ({ scope, json }) => {
    await new TokenStore(tokenFile()).remove(scope);
    if (json) printJson({ forgotten: scope ?? 'all' });
    else print(scope === undefined ? 'Forgot all tokens.' : `Forgot the token for scope ${scope}.`);
  });

/** Tells whether a call would carry a token. Fails when one is needed and missing. */
export const checkAuth = reaching(new Command('check-auth'))
  .summary('tell whether a token is at hand')
  .description('Tells whether a token is at hand for a scope, or for the control server at an address.')
  .option('--ip <host:port>', 'ask this control server what it needs')
  .option('--json', 'print the answer as JSON')
  .action(async ({ ip, json, scope: wanted, ...flags }) => {
    const scope = wanted ?? (await serverScope(flags, ip));
    const stored = scope === '' ? undefined : await new TokenStore(tokenFile()).get(scope);
    const token = tokenFromEnvironment() !== undefined || stored !== undefined;
    if (scope !== '' && !token) {
      throw new SciStreamError(
        'AUTH_ERROR',
        `There is no token for scope ${scope}; run "s2uc login --scope ${scope}".`,
      );
    }
    if (json) printJson({ scope, needed: scope !== '', token });
    else print(scope === '' ? 'This server needs no token.' : `A token for scope ${scope} is at hand.`);
  });

async function scopeFor(flags: ReachFlags, s2cs: string | undefined): Promise<string> {
  if (flags.scope !== undefined) return flags.scope;
  const scope = await serverScope(flags, s2cs);
  if (scope === '')
    throw new SciStreamError('BAD_FORMAT', `${s2cs ?? 'The server'} needs no token; there is nothing to log in to.`);
  return scope;
}

async function serverScope(flags: ReachFlags, address: string | undefined): Promise<string> {
  if (address === undefined)
    throw new SciStreamError('BAD_FORMAT', 'Give a --scope or the address of a control server.');
  const server = await reachOne({ ...flags, scope: undefined }, address);
  using client = new ControlClient(server);
  const { authentication } = await client.getFacility(stopSignal());
  return authentication?.scope ?? '';
}

async function readToken(scope: string): Promise<string> {
  if (!process.stdin.isTTY) return text(process.stdin);
  const answer = await password({ message: `Token for scope ${scope}`, output: process.stderr });
  if (isCancel(answer)) throw new Interrupted('SIGINT');
  return answer;
}
