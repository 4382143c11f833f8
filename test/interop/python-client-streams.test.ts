import { describe, expect, it } from 'vitest';
import { parseEndpoint } from '../../src/core/endpoint.js';
import { Facility, plainFacilities, twoFacilities } from '../support/facility.js';
import { run } from '../support/program.js';
import { requirePrograms } from '../support/requires.js';
import { accepts, echo, exchange, saying } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { PythonClient } from './python-client.js';
import { pythonGrpc, pythonStubs } from './python.js';

const able = requirePrograms(pythonGrpc);

describe.runIf(able)('streams that a Python client opens', () => {
  const stubs = pythonStubs('upstream');

  it('carries data from the consumer through both facilities to the producer and back, and ends by release', async () => {
    const [producer, consumer] = await plainFacilities();
    const [here, there] = [new PythonClient(producer, stubs()), new PythonClient(consumer, stubs())];
    const application = await echo();
    const inbound = await here.inbound([portOf(application)], '--num_conn', '1');
    expect(inbound.req.prod_listeners).toEqual([application.address]);
    expect(inbound.hello).toEqual({ message: expect.stringContaining(inbound.uid) as string, listeners: [] });
    expect(inbound.update).toEqual(inbound.req);

    const outbound = await there.outbound(inbound.uid, inbound.req.listeners, '--num_conn', '1');
    expect(outbound.hello.listeners).toEqual([]);
    expect(outbound.update).toEqual({ listeners: outbound.req.listeners, prod_listeners: inbound.req.listeners });
    const { hello } = await there.try('hello', inbound.uid, 'CONS');
    expect(hello).toEqual({ message: expect.stringContaining('CONS') as string, listeners: outbound.req.listeners });
    const entrance = first(outbound.req.listeners);
    expect(await exchange(entrance, 'there and back')).toBe('there and back');

    const released = await Promise.all([here, there].map((client) => client.try('release', inbound.uid)));
    for (const { release } of released) expect(release).toEqual({ listeners: [], prod_listeners: [] });
    await Promise.all([producer.holdsNothing(), consumer.holdsNothing()]);
    expect(await accepts(entrance)).toBe(false);
  });

  it('S6 are encrypted with the uid as the key where the operator allows it, and refused with the way out elsewhere', async () => {
    const demanding = ['--security', 'tls-psk'];
    const [producer, consumer] = await twoFacilities([...demanding, '--psk-from-uid']);
    const [here, there] = [new PythonClient(producer, stubs()), new PythonClient(consumer, stubs())];
    const inbound = await here.inbound([portOf(await echo())], '--num_conn', '1');
    const outbound = await there.outbound(inbound.uid, inbound.req.listeners, '--num_conn', '1');
    expect(await exchange(first(outbound.req.listeners), 'by uid')).toBe('by uid');
    for (const facility of [producer, consumer]) {
      expect((await facility.client().getSession(inbound.uid)).security).toBe('tls-psk');
      expect(facility.program.stderr).toMatch(new RegExp(`"uid":"${inbound.uid}".*--psk-from-uid`));
    }
    const strict = new PythonClient(await Facility.start(demanding), stubs());
    expect((await strict.try('req', inbound.uid, 'PROD')).req).toEqual({
      code: 'INVALID_ARGUMENT',
      details: expect.stringMatching(/Python clients .* --psk-from-uid\.$/) as string,
    });
  });

  it("points upstream's five listeners at five targets, and after an update at three, listener i at i mod n", async () => {
    const [producer, consumer] = await plainFacilities();
    const names = ['one', 'two', 'three', 'four', 'five'];
    const applications = await Promise.all(names.map(saying));
    const here = new PythonClient(producer, stubs());
    const inbound = await here.inbound(applications.map(portOf));
    expect(inbound.req.prod_listeners).toEqual(applications.map(({ address }) => address));
    const outbound = await new PythonClient(consumer, stubs()).outbound(inbound.uid, inbound.req.listeners);
    expect(outbound.req.listeners).toHaveLength(5);
    const heard = () => Promise.all(outbound.req.listeners.map((listener) => exchange(listener, '')));
    expect(await heard()).toEqual(names);

    const fewer = applications.slice(0, 3).map(({ address }) => address);
    const { update } = await here.try('update', inbound.uid, 'PROD', fewer.join(','));
    expect(update).toEqual({ listeners: inbound.req.listeners, prod_listeners: fewer });
    expect(await heard()).toEqual(['one', 'two', 'three', 'one', 'two']);
  });

  it('R23 takes what upstream sends unasked: a rate of 10000 that is no limit, and a token that is none', async () => {
    const facility = await Facility.start();
    const tokens = [undefined, 'INVALID_TOKEN', 'Bearer some-token', ''];
    const clients = tokens.map((token) => new PythonClient(facility, stubs(), token));
    const ends = await Promise.all(clients.map((client) => client.inbound([7000], '--rate', '10000')));
    for (const { uid } of ends) expect((await facility.client().getSession(uid)).maxRate).toBe(0n);
  });

  it('R10 takes a Hello that comes before its request', async () => {
    const facility = await Facility.start();
    const application = await echo();
    const early = await new PythonClient(facility, stubs()).try(
      'inbound-request',
      ...['--receiver_ports', String(portOf(application)), '--num_conn', '1', '--hello_first', '--hello_after', '0.3'],
    );
    expect(early.hello_waited).toBe(true);
    expect(early.hello).toEqual({ message: expect.any(String) as string, listeners: [] });
    expect(early.update).toEqual({ listeners: [expect.any(String)], prod_listeners: [application.address] });
  });

  it('R1 R2 R3 serves twelve clients that wait at the same time, each with its own listeners and targets', async () => {
    const facility = await Facility.start();
    const names = Array.from({ length: 12 }, (_, index) => `application ${index}`);
    const applications = await Promise.all(names.map(saying));
    const client = new PythonClient(facility, stubs());
    const ends = await client.overlapping(applications.map(portOf), '--num_conn', '2');
    expect(ends.map(({ req }) => req.prod_listeners)).toEqual(applications.map(({ address }) => [address]));
    const listeners = ends.flatMap(({ req }) => req.listeners);
    expect(new Set(listeners).size).toBe(24);
    const heard = await Promise.all(listeners.map((listener) => exchange(listener, '')));
    expect(heard).toEqual(names.flatMap((name) => [name, name]));
  });

  it('R21 works without TLS where the server was started so', async () => {
    const facility = await Facility.start(['--ssl=False']);
    const application = await echo();
    const { req } = await new PythonClient(facility, stubs()).inbound([portOf(application)], '--num_conn', '1');
    expect(await exchange(first(req.listeners), 'in the clear')).toBe('in the clear');
  });

  it('joins an end opened by Python and one opened by s2uc, either way round', async () => {
    const [producer, consumer] = await plainFacilities();
    const application = await echo();
    const [here, there] = [new PythonClient(producer, stubs()), new PythonClient(consumer, stubs())];
    const ports = String(portOf(application));
    const [byPython, byUs] = await Promise.all([
      here.inbound([portOf(application)], '--num_conn', '1'),
      s2uc(producer, 'inbound-request', '--remote_ip', '127.0.0.1', '--receiver_ports', ports),
    ]);
    const [ours, theirs] = await Promise.all([
      s2uc(consumer, 'outbound-request', byPython.uid, first(byPython.req.listeners)),
      there.outbound(byUs.uid, [byUs.listener], '--num_conn', '1'),
    ]);
    expect(await exchange(ours.listener, 'Python to us')).toBe('Python to us');
    expect(await exchange(first(theirs.req.listeners), 'us to Python')).toBe('us to Python');
  });
});

describe.runIf(able)('a Python client made from the protocol file as it is shipped', () => {
  const stubs = pythonStubs('shipped');

  it("runs upstream's sequence, and our own fields reach the server", async () => {
    const facility = await Facility.start();
    const application = await echo();
    const fields = { labels: { experiment: 'e7' }, lifetime_seconds: 3600 };
    const { uid, req } = await new PythonClient(facility, stubs()).inbound(
      [portOf(application)],
      ...['--num_conn', '1', '--new_fields', JSON.stringify(fields)],
    );
    expect(await exchange(first(req.listeners), 'newer')).toBe('newer');
    const session = await facility.client().getSession(uid);
    expect(session).toMatchObject({ labels: { experiment: 'e7' }, expires: expect.any(Date) as Date });
  });
});

function portOf({ address }: { address: string }): number {
  return parseEndpoint(address).port;
}

/** Runs our user client and reads its output as users' scripts do. */
async function s2uc({ address, certificate }: Facility, command: string, ...args: readonly string[]) {
  const reach = ['--s2cs', address, `--server_cert=${certificate}`];
  const { code, stdout, stderr } = await run('s2uc', [command, ...reach, ...args]);
  expect(code, stderr).toBe(0);
  const [uid = ''] = /^\S+(?= \S+ NO_AUTH (PROD|CONS)$)/m.exec(stdout) ?? [];
  const [, listener = ''] = /^Listeners: \['([^']+)'\]$/m.exec(stdout) ?? [];
  return { uid, listener };
}
