import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { Facility, temporaryDir } from '../support/facility.js';
import { start, type Finished, type ProgramName } from '../support/program.js';
import { at, fails, failsInOneSentence, succeeds, succeedsWithJson } from './commands.js';

const secret = 'bearer-0123456789-not-for-eyes';
const stored = z.strictObject({ tokens: z.record(z.string(), z.string()) });
const answer = z.strictObject({ scope: z.string(), needed: z.boolean(), token: z.boolean() });

interface User {
  readonly env: Record<string, string>;
  readonly file: string;
}

/** A user with a home of its own. */
async function user(): Promise<User> {
  const home = await temporaryDir();
  const env = { HOME: home, XDG_CONFIG_HOME: path.join(home, 'conf') };
  return { env, file: path.join(home, 'conf', 'scistream', 'tokens.json') };
}

function login({ env }: User, scope: string, token = secret): Promise<Finished> {
  return succeeds('s2uc', ['login', '--scope', scope], { env, input: `${token}\n` });
}

async function tokensOf({ file }: User): Promise<Record<string, string>> {
  return stored.parse(JSON.parse(await readFile(file, 'utf8'))).tokens;
}

describe('s2uc login, logout and check-auth', () => {
  beforeEach(() => {
    vi.stubEnv('SCISTREAM_TOKEN', undefined);
  });

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('S7 keeps a token from stdin in a file that only its user can read, and never prints it', async () => {
    const alice = await user();
    const outcomes = [await login(alice, 'beamline'), await login(alice, 'computing', 'another-one')];
    outcomes.push(await succeeds('s2uc', ['check-auth', '--scope', 'beamline'], alice));
    expect(await tokensOf(alice)).toEqual({ beamline: secret, computing: 'another-one' });
    expect((await stat(alice.file)).mode & 0o777).toBe(0o600);
    expect((await stat(path.dirname(alice.file))).mode & 0o777).toBe(0o700);
    expect(await readdir(path.dirname(alice.file))).toEqual(['tokens.json']);
    outcomes.push(await succeeds('s2uc', ['logout', '--scope', 'beamline'], alice));
    expect(await tokensOf(alice)).toEqual({ computing: 'another-one' });
    outcomes.push(await succeeds('s2uc', ['logout'], alice));
    await expect(stat(alice.file)).rejects.toMatchObject({ code: 'ENOENT' });
    const shown = outcomes.map(({ stdout, stderr }) => stdout + stderr).join('');
    expect(shown).not.toContain(secret);
    expect(shown).not.toContain('another-one');
  });

  it('refuses what is no token and stores nothing', async () => {
    const alice = await user();
    const failure = { code: 2, says: /That is not a token/ };
    await Promise.all(
      [' \n', `two words ${secret}`].map(async (input) => {
        const { stderr } = await failsInOneSentence('s2uc', ['login', '--scope', 'x'], failure, { ...alice, input });
        expect(stderr).not.toContain(secret);
      }),
    );
    await expect(stat(alice.file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('S7 takes no token as an argument', async () => {
    const alice = await user();
    const { stderr } = await fails('s2uc', ['login', '--scope', 'x', secret], { code: 2, says: /too many arg/ }, alice);
    expect(stderr).not.toContain(secret);
    await failsInOneSentence('s2uc', ['login'], { code: 2, says: /--scope or the address/ }, alice);
    await expect(stat(alice.file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('R19 fails when a scope has no token, in every command that would need it', async () => {
    const alice = await user();
    const failure = { code: 3, says: /There is no token for scope beamline; run "s2uc login --scope beamline"/ };
    const nobody = ['--s2cs', '127.0.0.1:1', '--scope', 'beamline'];
    await Promise.all([
      failsInOneSentence('s2uc', ['check-auth', '--scope', 'beamline'], failure, alice),
      failsInOneSentence('s2uc', ['release', 'x', ...nobody], failure, alice),
      failsInOneSentence('s2uc', ['list', ...nobody], failure, alice),
      failsInOneSentence('appctrl', ['run', '--uid', 'x', ...nobody, '--', 'true'], failure, alice),
    ]);
  });

  it('R19 says that a server needs no token, and that there is nothing to log in to', async () => {
    const [alice, facility] = [await user(), await Facility.start()];
    const asked = ['check-auth', '--ip', facility.address, '--server-cert', facility.certificate];
    const { stdout } = await succeeds('s2uc', asked, alice);
    expect(stdout).toBe('This server needs no token.\n');
    expect(await succeedsWithJson(answer, 's2uc', asked, alice)).toEqual({ scope: '', needed: false, token: false });
    await failsInOneSentence('s2uc', ['login', ...at(facility)], { code: 2, says: /needs no token/ }, alice);
    expect(await readdir(alice.env['HOME'] ?? '')).toEqual([]);
  });

  it('S7 uses a token without ever showing it: stored, from the environment, or given to a controller', async () => {
    const [alice, facility] = [await user(), await Facility.start(['--verbose'])];
    await login(alice, 'beamline');
    const given = { env: { ...alice.env, SCISTREAM_TOKEN: secret } };
    const inbound = ['inbound-request', ...at(facility)];
    const outcomes = await Promise.all([
      succeeds('s2uc', [...inbound, '--scope', 'beamline', '--uid', 'from-store'], alice),
      succeeds('s2uc', [...inbound, '--uid', 'from-environment'], given),
      succeeds('s2uc', ['check-auth', '--scope', 'unknown'], given),
      ...controllers(facility).map(([name, args, env]) => succeeds(name, args, { env: { ...alice.env, ...env } })),
    ]);
    const [fromStore, fromEnvironment] = outcomes;
    expect(fromStore.stdout).toMatch(/^from-store \S+ \*{8} PROD$/m);
    expect(fromEnvironment.stdout).toMatch(/^from-environment \S+ \*{8} PROD$/m);
    const waiting = start('s2uc', ['prod-req', '--uid', 'masked', ...at(facility)], given);
    await waiting.shows(/^Waiting for the application controller of: masked \S+ \*{8} PROD$/m, 'stderr');
    outcomes.push(await waiting.kill('SIGTERM'));
    outcomes.push(await facility.program.kill('SIGTERM'));
    const log = await readFile(path.join(facility.stateDir, 's2ds.log'), 'utf8');
    expect(outcomes.map(({ stdout, stderr }) => stdout + stderr).join('') + log).not.toContain(secret);
  });

  it('takes an empty variable for no token', async () => {
    const [{ env }, facility] = [await user(), await Facility.start()];
    const empty = { env: { ...env, SCISTREAM_TOKEN: '' } };
    const { stdout } = await succeeds('s2uc', ['inbound-request', '--uid', 'none', ...at(facility)], empty);
    expect(stdout).toMatch(/^none \S+ NO_AUTH PROD$/m);
    await failsInOneSentence('s2uc', ['check-auth', '--scope', 'x'], { code: 3, says: /no token for scope x/ }, empty);
  });

  it('says what to do about a token file that cannot be read', async () => {
    const alice = await user();
    await login(alice, 'beamline');
    await writeFile(alice.file, 'not json');
    const failure = { code: 2, says: /tokens\.json cannot be read; run logout to start anew/ };
    await failsInOneSentence('s2uc', ['check-auth', '--scope', 'beamline'], failure, alice);
    await succeeds('s2uc', ['logout'], alice);
    await login(alice, 'beamline');
    expect(await tokensOf(alice)).toEqual({ beamline: secret });
  });
});

/** Hellos with a token by each way there is: in the argument as with the Python tools, and by the environment. */
function controllers(facility: Facility): [ProgramName, string[], Record<string, string>][] {
  const trust = ['--server-cert', facility.certificate];
  return [
    ['appctrl', ['mock', 'from-store', facility.address, secret, 'CONS', ...trust], {}],
    ['appctrl', ['mock', 'from-environment', facility.address, '-', 'CONS', ...trust], { SCISTREAM_TOKEN: secret }],
  ];
}
