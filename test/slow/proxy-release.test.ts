import { describe, expect, it } from 'vitest';
import { toSciStreamError } from '../../src/core/errors.js';
import { until } from '../../src/core/until.js';
import { isRunning } from '../../src/platform/child.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { proxyPackages } from '../support/processes.js';
import { programsIn } from '../support/proxy-programs.js';
import { requirePrograms } from '../support/requires.js';
import { accepts, echo } from '../support/tcp.js';
import { first } from '../support/v1.js';

const installed = requirePrograms(...proxyPackages);
const haproxy = ['-t', 'haproxy-process'];

async function open(facility: Facility, uid: string): Promise<string> {
  const { listeners } = await facility.client().createSession({ uid, role: 'PROD', targets: [(await echo()).address] });
  return first(listeners);
}

async function killDataServer(facility: Facility): Promise<void> {
  const { pid } = await facility.agent().info({ brief: true });
  process.kill(pid, 'SIGKILL');
}

/** Releases while the data server is away: what is said must be true. */
async function releasesTruly(facility: Facility, uid: string, listener: string): Promise<void> {
  const outcome = await facility
    .client()
    .releaseSession(uid)
    .then(
      () => undefined,
      (error: unknown) => toSciStreamError(error),
    );
  expect(outcome?.code, 'the data server was away').toBe('UNAVAILABLE');
  expect(outcome?.message).toMatch(/is ending: the data server is away, and the stream ends as soon as it is back/);
  const taken = facility.client().createSession({ uid, role: 'PROD', targets: ['127.0.0.1:7000'] });
  await expect(taken).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  await until('the end of the session', 10_000, async () => {
    const { code } = await facility
      .client()
      .releaseSession(uid)
      .then(
        () => ({ code: 'done' }),
        (error: unknown) => toSciStreamError(error),
      );
    return code === 'INVALID_UID' || code === 'done';
  });
  expect(await accepts(listener), 'once it is said to be over').toBe(false);
  await facility.holdsNothing();
}

describe.runIf(installed)('the release of a stream whose data server has just been killed', () => {
  it('is no success while the proxy still serves', async () => {
    const facility = await Facility.start(haproxy);
    const listener = await open(facility, 'flowing');
    await killDataServer(facility);
    await releasesTruly(facility, 'flowing', listener);
  });

  it('is none either when new sessions get another type', async () => {
    const stateDir = await temporaryDir();
    const before = await Facility.start(haproxy, stateDir);
    const listener = await open(before, 'old');
    await before.program.kill('SIGKILL');
    const after = await Facility.start(['-t', 'relay'], stateDir);
    await killDataServer(after);
    await releasesTruly(after, 'old', listener);
  });

  it('is a success for the relay, whose streams have gone with it', async () => {
    const facility = await Facility.start(['-t', 'relay']);
    const listener = await open(facility, 'gone');
    await killDataServer(facility);
    const outcome = await facility
      .client()
      .releaseSession('gone')
      .catch((error: unknown) => toSciStreamError(error).code);
    // Its death may have ended the session before.
    expect(outcome === 'INVALID_UID' || typeof outcome === 'object').toBe(true);
    expect(await accepts(listener)).toBe(false);
    await facility.program.shows(/the data server runs again/, 'stderr');
  });
});

describe.runIf(installed)('s2cs that is told to stop in the instant in which its data server is killed', () => {
  it.each(['before', 'after'])('ends every proxy: killed %s', async (order) => {
    const facility = await Facility.start(haproxy);
    const listeners = [await open(facility, 'one'), await open(facility, 'two')];
    const { pid } = await facility.agent().info({ brief: true });
    if (order === 'before') process.kill(pid, 'SIGKILL');
    const finished = facility.program.kill('SIGTERM');
    if (order === 'after') process.kill(pid, 'SIGKILL');
    const { code, stderr } = await finished;
    expect(code, stderr).toBe(0);
    expect(await Promise.all(listeners.map(accepts))).toEqual([false, false]);
    expect(await programsIn(facility.stateDir)).toEqual([]);
    expect(isRunning(pid)).toBe(false);
  });
});
