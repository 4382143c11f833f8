import path from 'node:path';
import Docker from 'dockerode';
import { describe, expect, it } from 'vitest';
import { dockerGateway } from '../../src/cli/runners.js';
import { canRunDocker, dockerEngine, engineArguments, type TestEngine } from '../support/docker.js';
import { Facility } from '../support/facility.js';
import { Payload } from '../support/payload.js';
import { proxyPackages } from '../support/processes.js';
import { placesIn, programsIn } from '../support/proxy-programs.js';
import { requirePrograms } from '../support/requires.js';
import { connect, echo } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { between, stream, succeeds, succeedsWithJson, trusting } from '../cli/commands.js';

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
