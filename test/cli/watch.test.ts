import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Facility } from '../support/facility.js';
import { Program, bin, start } from '../support/program.js';
import { connect, echo } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { at, expectFailure, failsInOneSentence, session } from './commands.js';

const counted = z.record(z.string(), z.number());
const event = z.discriminatedUnion('event', [
  z.strictObject({
    event: z.literal('session'),
    session: session.extend({ transport: z.string(), maxRate: z.number(), traffic: counted }),
  }),
  z.strictObject({ event: z.literal('traffic'), traffic: z.record(z.string(), counted) }),
]);

describe('s2uc watch', () => {
  it('prints for people what happens to a session, until its end', async () => {
    const facility = await Facility.start();
    const client = facility.client();
    const target = (await echo()).address;
    const { listeners } = await client.createSession({ uid: 'seen', role: 'PROD', targets: [target] });
    const watching = start('s2uc', ['watch', 'seen', ...at(facility)]);
    const way = `${first(listeners)} -> ${target}`;
    await watching.shows(new RegExp(`^seen PROD active: ${way}$`, 'm'));
    (await connect(first(listeners))).write('four');
    await watching.shows(/^seen in \S+ \w+\/s, out \S+ \w+\/s, 1 open$/m);
    await client.updateSession('seen', { maxRate: 5_000_000 });
    await watching.shows(new RegExp(`^seen PROD active: ${way}, at most 5\\.0 MB/s$`, 'm'));
    await client.releaseSession('seen');
    const { code, stdout, stderr } = await watching.finished;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^seen PROD released: .*, 4 B in, 4 B out\n$/m);
  });

  it('prints one JSON object a line for scripts, without secrets, until Ctrl-C', async () => {
    const facility = await Facility.start();
    const watching = start('s2uc', ['watch', ...at(facility), '--label', 'job=1', '--json']);
    await watching.shows(/^\{"event":"traffic","traffic":\{\}\}$/m);
    for (const job of ['1', '2']) {
      await facility
        .client()
        .createSession({ uid: `job-${job}`, role: 'PROD', targets: ['127.0.0.1:1'], labels: { job } });
    }
    await watching.shows(/"event":"session".*"uid":"job-1".*"state":"active"/);
    await watching.shows(/"traffic":\{"job-1":\{"bytesIn":0/);
    const { code, stdout, stderr } = await watching.kill('SIGINT');
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => event.parse(JSON.parse(line)));
    expect(events.some((one) => one.event === 'session' && one.session.uid === 'job-2')).toBe(false);
  });

  it('ends when nobody reads it any more, and when the server stops', async () => {
    const facility = await Facility.start();
    await facility.client().createSession({ uid: 'x', role: 'PROD', targets: ['127.0.0.1:1'] });
    const words = [process.execPath, bin('s2uc'), 'watch', '--json', ...at(facility)].join(' ');
    const piped = new Program('bash', ['-o', 'pipefail', '-c', `${words} | head -n 1`]);
    expect(await piped.finished).toMatchObject({ code: 0, stderr: '' });
    const watching = start('s2uc', ['watch', ...at(facility)]);
    await watching.shows(/^x PROD active/m);
    await facility.leavesNothing();
    const finished = await watching.finished;
    expect(finished.stdout).toMatch(/^x PROD released/m);
    expectFailure({ ...finished, stdout: '' }, 13, /^s2uc: The server is stopping; .*\n$/);
  });

  it('refuses a uid that nobody has', async () => {
    const facility = await Facility.start();
    await failsInOneSentence('s2uc', ['watch', 'nobody', ...at(facility)], { code: 5, says: /No session nobody here/ });
  });
});
