import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import Docker from 'dockerode';
import { describe, expect, it } from 'vitest';
import { dockerGateway } from '../../src/cli/runners.js';
import { canRunDocker, dockerEngine, engineArguments, type TestEngine } from '../support/docker.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { Payload } from '../support/payload.js';
import { proxyPackages } from '../support/processes.js';
import { filesWith, formsOf, placesIn, programsIn } from '../support/proxy-programs.js';
import { requirePrograms } from '../support/requires.js';
import { echoesLine } from '../support/stage.js';
import { accepts, connect, echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';
import {
  at,
  between,
  failsInOneSentence,
  session,
  stream,
  succeeds,
  succeedsWithJson,
  trusting,
} from '../cli/commands.js';

const plain = ['--security', 'none'];
const encrypting = ['--security', 'tls-psk'];
const installed = requirePrograms(...proxyPackages);

/** A facility with this data server type. */
function facilityOf(type: string, ...args: readonly string[]): Promise<Facility> {
  return Facility.start(['-t', type, ...args]);
}

/** Opens a stream with one command, sends 8 MB through it and back, and ends it. */
async function carries(producer: Facility, consumer: Facility, security: string): Promise<void> {
  const application = await echo();
  const opened = await succeedsWithJson(stream, 's2uc', [
    ...['stream', ...between(producer, consumer), '--targets', application.address],
  ]);
  expect([opened.inbound.security, opened.outbound.security]).toEqual([security, security]);
  const payload = new Payload(8);
  const socket = await connect(first(opened.connect));
  const received = await payload.echoedBy(socket);
  socket.end();
  expect(received).toEqual({ hash: payload.hash, bytes: payload.bytes });
  const servers = `${producer.address},${consumer.address}`;
  await succeeds('s2uc', ['release', opened.uid, '--s2cs', servers, ...trusting(producer, consumer)]);
  await Promise.all([producer, consumer].map(leftNothing));
}

/** Nothing of a released session is there while the facility runs on. */
async function leftNothing(facility: Facility): Promise<void> {
  await facility.holdsNothing();
  expect(await placesIn(facility.stateDir)).toEqual([]);
  expect(await programsIn(facility.stateDir)).toEqual([]);
}

describe.runIf(installed)('a stream with 8 MB both ways', () => {
  it.each([
    ['relay', 'stunnel-process', 'tls-psk'],
    ['stunnel-process', 'relay', 'tls-psk'],
    ['StunnelSubprocess', 'StunnelSubprocess', 'tls-psk'],
    ['haproxy-process', 'relay', 'none'],
    ['relay', 'NginxSubprocess', 'none'],
  ])('crosses an inbound %s and an outbound %s', async (inbound, outbound, security) => {
    const wanted = ['--security', security];
    const [producer, consumer] = await Promise.all([facilityOf(inbound, ...wanted), facilityOf(outbound, ...wanted)]);
    await carries(producer, consumer, security);
  });

  it.runIf(canRunDocker())('crosses an inbound nginx-docker and an outbound haproxy-process', async () => {
    const engine = await dockerEngine();
    const [producer, consumer] = await Promise.all([
      facilityOf('nginx-docker', ...engineArguments(engine), ...plain),
      facilityOf('haproxy-process', ...plain),
    ]);
    await carries(producer, consumer, 'none');
    expect(await containersOf(engine, producer)).toEqual([]);
  });

  it.runIf(canRunDocker())('crosses an inbound stunnel-docker and an outbound stunnel-process', async () => {
    const engine = await dockerEngine();
    const [producer, consumer] = await Promise.all([
      facilityOf('Stunnel', ...engineArguments(engine), ...encrypting),
      facilityOf('stunnel-process', ...encrypting),
    ]);
    await carries(producer, consumer, 'tls-psk');
    expect(await containersOf(engine, producer)).toEqual([]);
  });
});

/** Names of a facility's containers, whether they run or not. */
async function containersOf({ socket }: TestEngine, { stateDir }: Facility): Promise<string[]> {
  const label = [`org.scistream.gateway=${await dockerGateway(path.join(stateDir, 's2ds.d'))}`];
  const docker = new Docker({ host: undefined, socketPath: socket });
  return (await docker.listContainers({ all: true, filters: { label } })).flatMap(({ Names }) => Names).sort();
}

describe.runIf(canRunDocker())('two sessions at one facility of containers', () => {
  it('R7 have a container, a folder and ports each, as many as they asked for, and end separately', async () => {
    const engine = await dockerEngine();
    const facility = await facilityOf('Haproxy', ...engineArguments(engine), ...plain);
    const application = await echo();
    const open = (uid: string, listeners: number) => {
      const wanted = ['--uid', uid, '--num-conn', String(listeners)];
      const [host = '', port = ''] = application.address.split(':');
      const target = ['--remote-ip', host, '--receiver-ports', port];
      return succeedsWithJson(session, 's2uc', ['inbound-request', ...at(facility), ...target, ...wanted]);
    };
    const [one, two] = await Promise.all([open('one', 6), open('two', 1)]);
    expect([one.listeners.length, two.listeners.length]).toEqual([6, 1]);
    expect(new Set([...one.listeners, ...two.listeners]).size).toBe(7);
    const containers = await containersOf(engine, facility);
    const folders = (await placesIn(facility.stateDir)).map((folder) => `/scistream-${path.basename(folder)}`);
    expect(containers).toHaveLength(2);
    expect(folders.sort()).toEqual(containers);
    for (const address of [...one.listeners, ...two.listeners]) expect(await exchange(address, address)).toBe(address);

    const kept = await connect(first(two.listeners));
    expect(await echoesLine(kept, 'before')).toBe(true);
    await succeeds('s2uc', ['release', 'one', ...at(facility)]);
    expect(await echoesLine(kept, 'after the release of the other')).toBe(true);
    expect(await Promise.all(one.listeners.map(accepts))).toEqual(one.listeners.map(() => false));
    expect(await containersOf(engine, facility)).toHaveLength(1);
    expect(await placesIn(facility.stateDir)).toHaveLength(1);
    await succeeds('s2uc', ['release', 'two', ...at(facility)]);
    expect(await containersOf(engine, facility)).toEqual([]);
    await leftNothing(facility);
  });
});

describe.runIf(installed)('the key of a stream', () => {
  const engines = ['process', ...(canRunDocker() ? ['docker'] : [])];

  it.each(engines)('R8 is in the key file of stunnel and in the record of the session only: %s', async (runner) => {
    const docker = runner === 'docker' ? engineArguments(await dockerEngine()) : [];
    const facility = await facilityOf(`stunnel-${runner}`, ...docker, ...encrypting, '--verbose');
    const keyFile = path.join(await temporaryDir(), 'key');
    const inbound = ['inbound-request', ...at(facility), '--uid', 'in', '--key-file', keyFile];
    const opened = await succeedsWithJson(session, 's2uc', inbound);
    const outbound = ['outbound-request', 'out', first(opened.listeners), ...at(facility), '--key-file', keyFile];
    await succeeds('s2uc', outbound);
    await succeeds('s2uc', ['update', 'out', ...at(facility), '--targets', '127.0.0.1:9']);

    const key = Buffer.from((await readFile(keyFile, 'utf8')).trim(), 'hex');
    const { stateDir } = facility;
    const places = await placesIn(stateDir);
    const expected = places.flatMap((place) => [`${place}.json`, `${place}/psk.txt`]);
    expect(expected).toHaveLength(4);
    const found = await filesWith(stateDir, formsOf(key));
    expect(found).toEqual(expected.map((file) => path.relative(stateDir, file)).sort());
    for (const file of expected) expect((await stat(file)).mode & 0o777).toBe(0o600);
    for (const place of places) expect((await stat(place)).mode & 0o777).toBe(0o700);
    await succeeds('s2uc', ['release', '--all', ...at(facility)]);
    expect(await filesWith(stateDir, formsOf(key))).toEqual([]);
  });

  it.each(['haproxy-process', 'nginx-process'])('R8 is nowhere at a %s, which has no use for one', async (type) => {
    const facility = await facilityOf(type, ...plain, '--verbose');
    const key = randomBytes(32);
    const application = await echo();
    const wanted = { uid: 'plain', role: 'PROD', targets: [application.address], security: 'none', key } as const;
    const { listeners } = await facility.client().createSession(wanted);
    expect(await exchange(first(listeners), 'plain')).toBe('plain');
    expect(await filesWith(facility.stateDir, formsOf(key))).toEqual([]);
    const keyFile = path.join(await temporaryDir(), 'key');
    await failsInOneSentence('s2uc', ['inbound-request', ...at(facility), '--key-file', keyFile], {
      code: 12,
      says: new RegExp(`Data server type ${type} cannot protect a stream by "tls-psk"; it offers none`),
    });
  });
});
