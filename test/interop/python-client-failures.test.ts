import path from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { Facility } from '../support/facility.js';
import { requirePrograms } from '../support/requires.js';
import { PythonClient, outcomeOf } from './python-client.js';
import { pythonGrpc, pythonStubs } from './python.js';

const sentence = /^\S.*\.$/;

describe.runIf(requirePrograms(pythonGrpc))('what goes wrong for a Python client', () => {
  const stubs = pythonStubs('upstream');

  it('R3 R16 a request whose Hello never comes ends with DEADLINE_EXCEEDED and frees everything', async () => {
    const facility = await Facility.start(['--hello-timeout', '500ms']);
    const { req } = await new PythonClient(facility, stubs()).try('req', 'lonely', 'PROD');
    expect(req).toEqual({ code: 'DEADLINE_EXCEEDED', details: expect.stringMatching(/lonely.*Hello/) as string });
    await gone(facility);
  });

  it('R16 release and update of an unknown uid are NOT_FOUND, with the made certificate and no other', async () => {
    const facility = await Facility.start(['--listener-ip', '127.0.0.1']);
    expect(facility.certificate).toBe(path.join(facility.stateDir, 'server.crt'));
    const client = new PythonClient(facility, stubs());
    const [released, updated, byName, distrusted] = await Promise.all([
      client.try('release', 'nobody'),
      client.try('update', 'nobody', 'PROD', '127.0.0.1:7000'),
      client.try('release', 'nobody', '--s2cs', `localhost:${facility.port}`),
      client.try('release', 'nobody', '--server_cert', inject('certificate').cert),
    ]);
    const unknown = { code: 'NOT_FOUND', details: expect.stringContaining('nobody') as string };
    expect(released.release).toEqual(unknown);
    expect(updated.update).toEqual(unknown);
    expect(byName.release).toEqual(unknown);
    expect(distrusted.release).toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('R14 a uid in use is ALREADY_EXISTS without harm to its session, and free again after its release', async () => {
    const facility = await Facility.start();
    const client = new PythonClient(facility, stubs());
    const { uid, req } = await client.inbound([7000], '--num_conn', '1');
    expect((await client.try('req', uid, 'PROD')).req).toMatchObject({ code: 'ALREADY_EXISTS' });
    expect((await facility.client().getSession(uid)).listeners).toEqual(req.listeners);
    expect((await client.try('release', uid)).release).toEqual({ listeners: [], prod_listeners: [] });
    expect((await client.try('release', uid)).release).toMatchObject({ code: 'NOT_FOUND' });
    const again = await client.outbound(uid, ['127.0.0.1:7000'], '--num_conn', '1');
    expect(again.update.prod_listeners).toEqual(['127.0.0.1:7000']);
  });

  it('R15 R16 S3 S10 a request with a wrong field is INVALID_ARGUMENT with a sentence that shows it', async () => {
    const facility = await Facility.start();
    const client = new PythonClient(facility, stubs());
    const wrong: [args: string[], shown: RegExp][] = [
      [['few', 'PROD', '--num_conn', '0'], /num_conn 0/],
      [['many', 'PROD', '--num_conn', '2147483647'], /num_conn 2147483647/],
      [['role', 'INBOUND'], /role "INBOUND".*PROD.*CONS/],
      [['case', 'prod'], /role "prod".*PROD.*CONS/],
      [['slow', 'PROD', '--rate', '-1'], /rate -1/],
      [['../../etc/x', 'PROD'], /uid "\.\.\/\.\.\/etc\/x"/],
    ];
    await Promise.all(
      wrong.map(async ([args, shown]) => {
        const { req } = await client.try('req', ...args);
        expect(req).toEqual({ code: 'INVALID_ARGUMENT', details: expect.stringMatching(shown) as string });
        expect(req).toHaveProperty('details', expect.stringMatching(sentence));
      }),
    );
    await gone(facility);
  });

  it('R15 S2 targets that are none, or are not host:port, are INVALID_ARGUMENT and change nothing', async () => {
    const facility = await Facility.start();
    const client = new PythonClient(facility, stubs());
    const { uid, update: before } = await client.inbound([7000], '--num_conn', '1');
    for (const targets of ['', '127.0.0.1', '127.0.0.1:7001\nexec = /bin/true']) {
      const { update } = await client.try('update', uid, 'PROD', targets);
      expect(update).toEqual({ code: 'INVALID_ARGUMENT', details: expect.stringMatching(sentence) as string });
    }
    expect((await facility.client().getSession(uid)).targets).toEqual(before.prod_listeners);
  });

  it('R11 a client that goes away during req leaves nothing: by its deadline, by cancel, or killed', async () => {
    const facility = await Facility.start();
    const client = new PythonClient(facility, stubs());
    const fickle = client.start('req', ['fickle', 'PROD', '--cancel_on_stdin']);
    const killed = client.start('req', ['killed', 'PROD']);
    const hasty = client.start('req', ['hasty', 'PROD', '--deadline', '3']);
    await waiting(facility, 3);
    fickle.process.stdin?.end('\n');
    await killed.kill('SIGKILL');
    expect((await outcomeOf(fickle)).req).toMatchObject({ code: 'CANCELLED' });
    expect((await outcomeOf(hasty)).req).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await gone(facility);
  });
});

/** Until this many requests have their ports and wait for their Hello. */
async function waiting(facility: Facility, count: number): Promise<void> {
  await until(`${count} waiting requests`, 15_000, async () => (await facility.held()).reservations === count);
}

async function gone(facility: Facility): Promise<void> {
  await facility.holdsNothing();
  expect(await facility.client().listSessions()).toEqual([]);
}
