import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { Facility } from '../support/facility.js';
import { run, start } from '../support/program.js';
import { echo, exchange, serve } from '../support/tcp.js';
import { first, stateOf } from '../support/v1.js';
import { at, expectFailure, failsInOneSentence, session } from './commands.js';

/** Runs until a signal comes, says which, and ends with a code of its own; or until nobody holds its stdin any more. */
const obedient = `
  for (const name of ['SIGTERM', 'SIGINT', 'SIGUSR2']) process.on(name, () => {
    console.log('got ' + name);
    process.exitCode = 5;
    process.stdin.destroy();
  });
  process.stdin.resume();
  console.log('ready');
`;

/** A facility with an open consumer's end, the usual place for an application. */
async function withStream(uid: string): Promise<{ facility: Facility; listeners: readonly string[] }> {
  const facility = await Facility.start();
  const targets = ['127.0.0.1:7000', '127.0.0.1:7001'];
  const { listeners } = await facility.client().createSession({ uid, role: 'CONS', targets });
  return { facility, listeners };
}

function running(facility: Facility, uid: string, options: readonly string[], command: readonly string[]): string[] {
  return ['run', '--uid', uid, ...at(facility), ...options, '--', ...command];
}

function shell(script: string): string[] {
  return ['sh', '-c', script];
}

describe('appctrl run', () => {
  it('tells a consumer where to connect and passes its words, input, output and exit code on', async () => {
    const { facility, listeners } = await withStream('consumed');
    const script = 'echo "$SCISTREAM_UID $SCISTREAM_LISTENERS $*"; cat; echo problems >&2; exit 7';
    const command = [...shell(script), 'sh', '--my_flag', 'True', '--ssl=False'];
    const finished = await run('appctrl', running(facility, 'consumed', [], command), { input: 'from stdin' });
    expect(finished).toEqual({
      code: 7,
      signal: undefined,
      stdout: `consumed ${listeners.join(',')} --my_flag True --ssl=False\nfrom stdin`,
      stderr: 'problems\n',
    });
    expect(await stateOf(facility, 'consumed')).toBe('active');
  });

  it('ends with 128+n when a signal ended the application', async () => {
    const { facility } = await withStream('killed');
    const codes = ['KILL', 'TERM', 'ABRT'].map(async (signal) => {
      const { code, stdout } = await run('appctrl', running(facility, 'killed', [], shell(`kill -${signal} $$`)));
      return [code, stdout];
    });
    expect(await Promise.all(codes)).toEqual([
      [137, ''],
      [143, ''],
      [134, ''],
    ]);
  });

  it('passes signals on to the application, which decides', async () => {
    const { facility } = await withStream('signaled');
    await Promise.all(
      (['SIGTERM', 'SIGINT', 'SIGUSR2'] as const).map(async (signal) => {
        const program = start('appctrl', running(facility, 'signaled', [], [process.execPath, '-e', obedient]));
        await program.shows(/^ready$/m);
        const { code, stdout } = await program.kill(signal);
        expect({ code, stdout }).toEqual({ code: 5, stdout: `ready\ngot ${signal}\n` });
      }),
    );
  });

  it('--release ends the stream when the application has ended well or badly, was killed or never started', async () => {
    const { facility } = await withStream('well');
    for (const uid of ['badly', 'killed', 'never']) {
      await facility.client().createSession({ uid, role: 'CONS', targets: ['127.0.0.1:7000'] });
    }
    const releasing = (uid: string, command: string[]) => running(facility, uid, ['--release'], command);
    const never = { code: 2, says: /Cannot run no-such-program-here: there is no such program/ };
    const [well, badly, killed] = await Promise.all([
      run('appctrl', releasing('well', ['true'])),
      run('appctrl', releasing('badly', shell('exit 3'))),
      run('appctrl', releasing('killed', shell('kill -KILL $$'))),
      failsInOneSentence('appctrl', releasing('never', ['no-such-program-here']), never),
    ]);
    const quiet = { stdout: '', stderr: '' };
    expect([well, badly, killed]).toMatchObject([
      { code: 0, ...quiet },
      { code: 3, ...quiet },
      { code: 137, ...quiet },
    ]);
    expect(await facility.client().listSessions()).toEqual([]);
    await facility.holdsNothing();
  });

  it("--release passes the application's exit code on also when the stream has ended before", async () => {
    const { facility } = await withStream('gone');
    const program = start('appctrl', running(facility, 'gone', ['--release'], shell('echo ready; cat; exit 4')));
    await program.shows(/^ready$/m);
    await facility.client().releaseSession('gone');
    program.process.stdin?.end();
    expect((await program.finished).code).toBe(4);
  });

  it('runs a producer at once and introduces it', async () => {
    const facility = await Facility.start();
    const { address } = await echo();
    const options = ['--role', 'PROD', '--ip', '127.0.0.1', '--ports', address.replace(/^.*:/, '')];
    const producer = start('appctrl', running(facility, 'made', options, shell('echo "$SCISTREAM_UID"; cat')));
    await producer.shows(/^made$/m);
    const { targets, listeners } = await requestedBy(facility, 'made');
    expect(targets).toEqual([address]);
    expect(await exchange(first(listeners), 'to the producer')).toBe('to the producer');
    producer.process.stdin?.end();
    expect(await producer.finished).toMatchObject({ code: 0, stdout: 'made\n', stderr: '' });
  });

  it('ends a producer that cannot be introduced, and says why', async () => {
    const facility = await Facility.start(['--hello-timeout', '500ms']);
    // These would run until their stdin ends. That nobody holds their stdout any more shows that they have gone.
    const producing = (s2cs: string[]) =>
      start('appctrl', ['run', '--uid', 'lost', '--role', 'PROD', ...s2cs, '--', 'cat']).finished;
    const [nobody, late] = await Promise.all([producing(['--s2cs', '127.0.0.1:1']), producing(at(facility))]);
    expectFailure(nobody, 8, /^appctrl: Nothing listens at 127\.0\.0\.1:1[^\n]*\n$/);
    expectFailure(late, 11, /^appctrl: No request for uid lost came within[^\n]*\n$/);
  });

  it('R11 does not start a consumer whose stream never comes, and can be stopped meanwhile', async () => {
    const silent = await serve(() => undefined);
    const waiting = start('appctrl', ['run', '--uid', 'later', '--s2cs', silent.address, '--', 'echo', 'started']);
    await until('the controller waiting', 15_000, () => silent.accepted.length === 1);
    expectFailure(await waiting.kill('SIGTERM'), 143, /^$/);
  });
});

/** Requests the end whose application a controller introduces. */
async function requestedBy(facility: Facility, uid: string) {
  const { stdout, stderr, code } = await run('s2uc', [
    ...['prod-req', '--uid', uid, '--num-conn', '1', ...at(facility)],
    '--json',
  ]);
  expect(code, stderr).toBe(0);
  return session.parse(JSON.parse(stdout));
}
