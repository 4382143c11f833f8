import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Facility, plainFacilities, temporaryDir, twoFacilities } from '../support/facility.js';
import { echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { fails, failsInOneSentence, session, stream, succeedsWithJson, trusting } from './commands.js';

/** Naming the address makes a facility of the tests use a certificate of its own. */
const own = ['--listener-ip', '127.0.0.1'];
const sessions = z.array(session);

/** A wrong pairing must be told at once, not after the time a call may take. */
const soon = 15_000;

describe('R21 TLS on either side', () => {
  it('R21 a server with TLS serves clients with TLS, and tells the others how to come in', async () => {
    const facility = await Facility.start();
    const { address } = facility;
    const trusted = trusting(facility);
    expect(await succeedsWithJson(sessions, 's2uc', ['list', '--s2cs', address, '--ssl', ...trusted])).toEqual([]);
    const asked = performance.now();
    const hello = ['no-tls', address, 'NO_AUTH', 'CONS'];
    const failure = { code: 8, says: /closed the connection; does it listen with TLS/ };
    await Promise.all([
      failsInOneSentence('s2uc', ['list', '--s2cs', address, '--ssl=False', ...trusted], failure),
      fails('s2uc', ['inbound-request', '--s2cs', address, '--ssl', 'False'], failure),
      failsInOneSentence('appctrl', ['mock', ...hello, '--no-ssl'], failure),
    ]);
    expect(performance.now() - asked).toBeLessThan(soon);
    await facility.holdsNothing();
  });

  it('R21 servers without TLS serve clients without, and tell the others that they have none', async () => {
    const [facility, other] = await plainFacilities(['--ssl=False']);
    const { address } = facility;
    const target = (await echo()).address;
    const request = ['outbound_request', 'plain', target, '--s2cs', address, '--ssl=False'];
    const { listeners } = await succeedsWithJson(session, 's2uc', request);
    expect(await exchange(first(listeners), 'in clear')).toBe('in clear');
    const ends = ['--inbound', address, '--outbound', other.address];
    const opened = await succeedsWithJson(stream, 's2uc', ['stream', ...ends, '--targets', target, '--ssl', 'False']);
    expect(await exchange(first(opened.connect), 'both in clear')).toBe('both in clear');
    const asked = performance.now();
    const failure = { code: 8, says: /does not speak TLS; use --ssl=False/ };
    await Promise.all([
      failsInOneSentence('s2uc', ['list', '--s2cs', address], failure),
      failsInOneSentence('s2uc', ['release', 'plain', '--s2cs', address, '--ssl'], failure),
      failsInOneSentence('appctrl', ['create-appctrl', 'no-tls', address, 'NO_AUTH', 'CONS'], failure),
    ]);
    expect(performance.now() - asked).toBeLessThan(soon);
  });
});

describe('trust in a server', () => {
  it('takes certificates repeated, in a comma list and from ./server.crt, and refuses who has none of them', async () => {
    const [one, two] = await twoFacilities(own);
    const both = ['--s2cs', `${one.address},${two.address}`];
    const here = await temporaryDir();
    await copyFile(one.certificate, path.join(here, 'server.crt'));
    const list = (args: string[], cwd?: string) =>
      succeedsWithJson(sessions, 's2uc', ['list', ...args], cwd === undefined ? {} : { cwd });
    expect(
      await Promise.all([
        list([...both, '--server-cert', one.certificate, '--server-cert', two.certificate]),
        list([...both, '--server_cert', `${two.certificate},${one.certificate}`]),
        list(['--s2cs', one.address], here),
      ]),
    ).toEqual([[], [], []]);
    // Nothing vouches for the other one.
    const untrusted = { code: 8, says: new RegExp(`certificate of ${two.address} is not trusted; .*--server-cert`) };
    await Promise.all([
      failsInOneSentence('s2uc', ['list', '--s2cs', two.address], untrusted),
      failsInOneSentence('s2uc', ['list', '--s2cs', two.address, ...trusting(one)], untrusted),
      failsInOneSentence('s2uc', ['list', '--s2cs', two.address], untrusted, { cwd: here }),
      failsInOneSentence('appctrl', ['mock', 'x', two.address, 'NO_AUTH', 'PROD', ...trusting(one)], untrusted),
    ]);
  });

  it('names a certificate file that cannot be read', async () => {
    await failsInOneSentence('s2uc', ['list', '--server-cert', '/nonexistent/server.crt'], {
      code: 2,
      says: /Cannot read --server-cert \/nonexistent\/server\.crt/,
    });
  });
});
