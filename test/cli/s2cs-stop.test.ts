import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isRunning } from '../../src/platform/child.js';
import { Facility } from '../support/facility.js';
import { accepts, connect, echo, readAll } from '../support/tcp.js';
import { first, openEnd, requested } from '../support/v1.js';
import { succeeds, trusting } from './commands.js';

describe('a control server that is told to stop', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'R12 answers who waits, ends streams and leaves nothing: %s',
    async (signal) => {
      const facility = await Facility.start();
      const { pid } = await facility.agent().info({});
      const { listeners } = await openEnd(facility.v1().v1, 'open', 'PROD', [(await echo()).address]);
      const socket = await connect(first(listeners));
      // An end and a reset are both the end of the stream here.
      const closed = readAll(socket).catch(() => undefined);
      const waiting = facility.v1().v1.req({ uid: 'waiting', role: 'PROD', numConn: 2 });
      const answered = expect(waiting).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringContaining('stopping') as string,
      });
      await requested(facility, 'waiting');

      const { code, stdout, stderr } = await facility.program.kill(signal);
      await Promise.all([answered, closed]);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(/^[^\n]+\n$/);
      expect(stderr).not.toMatch(/^\s+at /m);
      expect(isRunning(pid)).toBe(false);
      expect(await accepts(first(listeners))).toBe(false);
      expect(await readdir(facility.stateDir)).toEqual(['s2ds.log']);
    },
  );

  it('R12 SIGHUP is a stop as well', async () => {
    const facility = await Facility.start();
    const { pid } = await facility.agent().info({});
    await facility.program.kill('SIGHUP');
    expect(isRunning(pid)).toBe(false);
    expect((await readdir(facility.stateDir)).filter((file) => file.endsWith('.sock'))).toEqual([]);
  });

  it('R28 has written its start line to stdout and nothing else, and each log line once', async () => {
    const facility = await Facility.start(['--verbose']);
    const { v1 } = facility.v1();
    for (const uid of ['one', 'two', 'three']) {
      await openEnd(v1, uid, 'PROD', [(await echo()).address]);
      await v1.release({ uid });
    }
    await succeeds('s2uc', ['list', '--s2cs', facility.address, ...trusting(facility)]);
    const { stdout, stderr } = await facility.program.kill('SIGTERM');
    expect(stdout).toMatch(/^\{[^\n]+\}\n$/);
    const lines = stderr.trimEnd().split('\n');
    const agentLines = (await readFile(path.join(facility.stateDir, 's2ds.log'), 'utf8')).trimEnd().split('\n');
    for (const line of [...lines, ...agentLines]) expect(line).toMatch(/^\{"level":"(debug|info|warn)".*\}$/);
    // Each session is requested, registered, active and released once: a handler added twice would show here.
    for (const uid of ['one', 'two', 'three']) {
      const states = lines
        .filter((line) => line.includes(`"uid":"${uid}"`))
        .map((line) => /"to":"(\w+)"/.exec(line)?.[1]);
      expect(states).toEqual(['requested', 'registered', 'active', 'released']);
    }
  });
});
