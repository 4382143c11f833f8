import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Facility, plainFacilities } from '../support/facility.js';
import { exchange, saying } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { at, fails, failsInOneSentence, session, succeeds, succeedsWithJson, trusting } from './commands.js';

const sessions = z.array(session);
const released = z.strictObject({ released: z.array(z.string()) });
const somewhere = ['127.0.0.1:7000'];

describe('s2uc list, show, update and release', () => {
  it('lists the sessions of several servers, for scripts and for people', async () => {
    const [one, two] = await plainFacilities();
    const both = ['--s2cs', one.address, '--s2cs', two.address, ...trusting(one, two)];
    const nothing = await succeeds('s2uc', ['list', ...both]);
    expect([nothing.stdout, nothing.stderr]).toEqual(['', 'No live sessions.\n']);
    await one.client().createSession({ uid: 'a', role: 'PROD', targets: somewhere, labels: { job: '1', kind: 'x' } });
    await two.client().createSession({ uid: 'b', role: 'CONS', targets: somewhere, labels: { job: '2' } });
    const all = await succeedsWithJson(sessions, 's2uc', ['list', ...both]);
    expect(all.map(({ uid, s2cs, role }) => [uid, s2cs, role])).toEqual([
      ['a', one.address, 'PROD'],
      ['b', two.address, 'CONS'],
    ]);
    const chosen = await succeedsWithJson(sessions, 's2uc', ['list', ...both, '--label', 'job=1', '--label', 'kind=x']);
    expect(chosen.map(({ uid }) => uid)).toEqual(['a']);
    const { stdout, stderr } = await succeeds('s2uc', ['list', ...both]);
    const [title = '', ...rows] = stdout.trimEnd().split('\n');
    expect(title).toMatch(/^UID +ROLE +STATE +S2CS +LISTENERS +TARGETS +SECURITY +RATE +IN +OUT +OPEN$/);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatch(/^a +PROD +active +\S+ +127\.0\.0\.1:\d+ +127\.0\.0\.1:7000 +none +- +0 B +0 B +0$/);
    expect(stderr).toBe('');
  });

  it('shows one session with its traffic', async () => {
    const facility = await Facility.start();
    const target = await saying('twelve bytes');
    const { listeners } = await facility
      .client()
      .createSession({ uid: 'shown', role: 'PROD', targets: [target.address], labels: { job: '1' } });
    await exchange(first(listeners), 'four');
    const show = ['show', 'shown', ...at(facility)];
    expect(await succeedsWithJson(session, 's2uc', show)).toEqual({
      ...{ uid: 'shown', role: 'PROD', s2cs: facility.address, state: 'active', listeners },
      ...{ targets: [target.address], security: 'none', expires: null },
    });
    const { stdout, stderr } = await succeeds('s2uc', show);
    const rows = stdout.split('\n').map((line) => line.replace(/ {2,}/, ': '));
    expect(rows).toEqual(
      expect.arrayContaining([
        'uid: shown',
        'state: active',
        'owner: anonymous',
        `listeners: ${first(listeners)}`,
        `targets: ${target.address}`,
        'security: none',
        'transport: tcp',
        'rate: not limited',
        'expires: never',
        'labels: job=1',
        'received: 4 B',
        'sent back: 12 B',
        'connections: 0 open, 1 in total, 0 refused',
      ]),
    );
    expect(stderr).toBe('');
  });

  it('gives a session new targets and a new end, and refuses an update of nothing', async () => {
    const facility = await Facility.start();
    const [before, after] = [await saying('before'), await saying('after')];
    const { listeners } = await facility
      .client()
      .createSession({ uid: 'moved', role: 'PROD', targets: [before.address] });
    const update = ['update', 'moved', ...at(facility)];
    const moved = await succeeds('s2uc', [...update, '--targets', after.address]);
    expect(moved.stdout).toBe(`Session moved forwards to ${after.address}.\n`);
    expect(await exchange(first(listeners), '')).toBe('after');
    await fails('s2uc', update, { code: 2, says: /needs new targets, a new rate, a new lifetime, or several/ });
    const ending = await succeedsWithJson(session, 's2uc', [...update, '--lifetime', '1s']);
    expect(ending).toMatchObject({ uid: 'moved', targets: [after.address], listeners });
    await facility.holdsNothing();
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(ending.expires ?? ''));
    await fails('s2uc', [...update, '--lifetime', '1h'], { code: 5, says: /No session moved here/ });
  });

  it('releases one stream at all its servers, or everything', async () => {
    const [one, two] = await plainFacilities();
    const both = ['--s2cs', `${one.address}, ${two.address}`, ...trusting(one, two)];
    for (const uid of ['first', 'second', 'third']) {
      await one.client().createSession({ uid, role: 'PROD', targets: somewhere });
      await two.client().createSession({ uid, role: 'CONS', targets: somewhere });
    }
    expect((await succeeds('s2uc', ['release', 'first', ...both])).stdout).toBe('Released first.\n');
    const left = await succeedsWithJson(sessions, 's2uc', ['list', ...both]);
    expect(left.map(({ uid }) => uid).sort()).toEqual(['second', 'second', 'third', 'third']);
    const all = await succeedsWithJson(released, 's2uc', ['release', '--all', ...both]);
    expect(all.released.sort()).toEqual(['second', 'third']);
    await Promise.all([one.holdsNothing(), two.holdsNothing()]);
    expect((await succeeds('s2uc', ['release', '--all', ...both])).stdout).toBe('Nothing to release.\n');
  });

  it('releases what it can although one of the servers is not there, and says so', async () => {
    const facility = await Facility.start();
    await facility.client().createSession({ uid: 'half', role: 'PROD', targets: somewhere });
    const servers = ['--s2cs', `127.0.0.1:1,${facility.address}`, ...trusting(facility)];
    await failsInOneSentence('s2uc', ['release', 'half', ...servers], { code: 8, says: /Nothing listens at 127/ });
    await facility.holdsNothing();
    await facility.client().createSession({ uid: 'other-half', role: 'PROD', targets: somewhere });
    await failsInOneSentence('s2uc', ['release', '--all', ...servers], { code: 8, says: /Nothing listens at 127/ });
    await facility.holdsNothing();
  });

  it('fails with a code and a sentence for each reason, and prints nothing to stdout', async () => {
    const facility = await Facility.start();
    const own = at(facility);
    await Promise.all([
      failsInOneSentence('s2uc', ['show', 'nobody', ...own, '--json'], { code: 5, says: /No session nobody here/ }),
      failsInOneSentence('s2uc', ['release', ...own], { code: 2, says: /Give either a uid or --all/ }),
      failsInOneSentence('s2uc', ['release', 'nobody', '--all', ...own], { code: 2, says: /either a uid or --all/ }),
      failsInOneSentence('s2uc', ['list', '--s2cs', '127.0.0.1:1', '--json'], {
        code: 8,
        says: /is the server running/,
      }),
      failsInOneSentence('s2uc', ['list', '--s2cs', 'no-such-host.invalid:1'], { code: 8, says: /no-such-host/ }),
      failsInOneSentence('s2uc', ['list', '--s2cs', 'localhost'], { code: 2, says: /"localhost" is not host:port/ }),
    ]);
  });
});
