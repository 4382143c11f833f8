import { onTestFinished, describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { Facility, plainFacilities, twoFacilities } from '../support/facility.js';
import { start } from '../support/program.js';
import { freePortRange, serve } from '../support/tcp.js';
import { between, expectFailure, failsInOneSentence, trusting } from './commands.js';

const target = ['--targets', '127.0.0.1:7000'];

/** Holds a process still, as a machine in trouble does, until the test is over. */
function freeze(facility: Facility): void {
  facility.program.process.kill('SIGSTOP');
  onTestFinished(() => {
    facility.program.process.kill('SIGCONT');
  });
}

describe('s2uc stream that cannot be opened', () => {
  it('releases the inbound end when the outbound one fails', async () => {
    const [producer, full] = await Promise.all([
      Facility.start(),
      Facility.start(['--port-range', await freePortRange(1)]),
    ]);
    const peer = await serve((socket) => socket.end('220 mail.example\r\n'));
    const open = (to: string) => [
      ...['stream', '--inbound', producer.address, '--outbound', to, ...target],
      ...trusting(producer, full),
    ];
    await Promise.all([
      failsInOneSentence('s2uc', open('127.0.0.1:1'), { code: 8, says: /Nothing listens at 127\.0\.0\.1:1/ }),
      failsInOneSentence('s2uc', open('no-such-host.invalid:5000'), { code: 8, says: /no-such-host\.invalid:5000/ }),
      failsInOneSentence('s2uc', open(peer.address), { code: 8, says: new RegExp(peer.address) }),
      failsInOneSentence('s2uc', [...open(full.address), '--num-conn', '2'], { code: 2, says: /num_conn 2 must be 1/ }),
    ]);
    await full.client().createSession({ role: 'CONS', targets: ['127.0.0.1:7000'] });
    await failsInOneSentence('s2uc', open(full.address), { code: 7, says: /1 ports are needed, 0 of/ });
    await producer.holdsNothing();
  });

  it('R11 releases the inbound end when the outbound server hangs, and when the user gives up meanwhile', async () => {
    const [producer, consumer] = await twoFacilities();
    freeze(consumer);
    const args = ['stream', ...between(producer, consumer), ...target];
    const asked = performance.now();
    const [patient, impatient] = [start('s2uc', args), start('s2uc', [...args, '--timeout', '3s'])];
    await until('both inbound ends being open', 15_000, async () => (await producer.held()).reservations === 2);
    patient.process.kill('SIGINT');
    const [interrupted, timedOut] = await Promise.all([patient.finished, impatient.finished]);
    expectFailure(timedOut, 11, new RegExp(`${consumer.address} did not answer in time`));
    expectFailure(interrupted, 130, /^$/);
    expect(performance.now() - asked).toBeLessThan(20_000);
    await producer.holdsNothing();
  });

  it('refuses one server at both ends, also under two names', async () => {
    const facility = await Facility.start();
    const twoNames = ['--inbound', `localhost:${facility.port}`, '--outbound', facility.address];
    await Promise.all([
      failsInOneSentence('s2uc', ['stream', ...between(facility, facility), ...target], {
        code: 2,
        says: /a stream runs between two control servers/,
      }),
      failsInOneSentence('s2uc', ['stream', ...twoNames, ...target, ...trusting(facility)], {
        code: 6,
        says: /exists already/,
      }),
    ]);
    await facility.holdsNothing();
  });

  it('R24 refuses datagrams where streams must be encrypted, and less protection than is demanded', async () => {
    const [producer, consumer] = await twoFacilities(['--security', 'tls-psk']);
    const args = ['stream', ...between(producer, consumer), ...target];
    const own = ['--s2cs', producer.address, ...trusting(producer)];
    const udp = { code: 12, says: /UDP streams cannot be encrypted; ask for security none/ };
    const less = { code: 4, says: /demands tls-psk and grants no none; ask for tls-psk at both ends/ };
    await Promise.all([
      failsInOneSentence('s2uc', [...args, '--udp'], udp),
      failsInOneSentence('s2uc', ['inbound-request', ...own, '--udp'], udp),
      failsInOneSentence('s2uc', ['outbound-request', 'x', '127.0.0.1:7000', ...own, '--udp=True'], udp),
      failsInOneSentence('s2uc', [...args, '--security', 'none'], less),
    ]);
    await producer.holdsNothing();
    await consumer.holdsNothing();
  });

  it('is told of a uid that is taken, and leaves what has it alone', async () => {
    const [producer, consumer] = await plainFacilities();
    await consumer.client().createSession({ uid: 'taken', role: 'CONS', targets: ['127.0.0.1:7000'] });
    await failsInOneSentence('s2uc', ['stream', ...between(producer, consumer), ...target, '--uid', 'taken'], {
      code: 6,
      says: /Session taken exists already; choose another uid/,
    });
    await producer.holdsNothing();
    expect((await consumer.client().getSession('taken')).state).toBe('active');
  });
});
