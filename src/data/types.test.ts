import { appendFile, chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { temporaryDir } from '../../test/support/facility.js';
import { HandClock } from '../../test/support/hand-clock.js';
import { createRunners } from './runners/registry.js';
import { DataServerTypes } from './types.js';

const images = { haproxy: 'none', nginx: 'none', stunnel: 'none' };

/** A program in the place of HAProxy that keeps account of its starts, and works while it is told to. */
async function haproxyInPath() {
  const folder = await temporaryDir();
  const [starts, broken] = [path.join(folder, 'starts'), path.join(folder, 'broken')];
  const script = `#!/bin/sh\necho started >> ${starts}\n[ -e ${broken} ] && exit 1\necho HAProxy version 3.2.1\n`;
  await writeFile(path.join(folder, 'haproxy'), script);
  await chmod(path.join(folder, 'haproxy'), 0o700);
  await appendFile(starts, '');
  vi.stubEnv('PATH', `${folder}:${process.env['PATH'] ?? ''}`);
  return { broken, starts: async () => (await readFile(starts, 'utf8')).split('\n').length - 1 };
}

describe('the check of a data server type', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('starts its program once for all who ask within ten seconds, or within three while it does not work', async () => {
    const program = await haproxyInPath();
    const clock = new HandClock();
    const docker = { host: undefined, images, gateway: 'types' };
    const runners = createRunners({ folder: await temporaryDir(), docker, logger: pino({ level: 'silent' }) });
    const { check } = new DataServerTypes(runners, { legacyStunnelPeer: false }, clock).find('haproxy-process');
    const works = { available: true, version: '3.2.1' };

    expect(await Promise.all([check(), check(), check()])).toEqual([works, works, works]);
    clock.pass(9_999);
    await writeFile(program.broken, '');
    expect(await check()).toEqual(works);
    expect(await program.starts()).toBe(1);

    clock.pass(1);
    expect(await check()).toMatchObject({ available: false });
    clock.pass(2_999);
    expect(await check()).toMatchObject({ available: false });
    expect(await program.starts()).toBe(2);
    clock.pass(1);
    await check();
    expect(await program.starts()).toBe(3);
  });
});
