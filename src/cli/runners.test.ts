import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { proxySettings } from '../config/proxy.js';
import { machineMark } from '../platform/machine.js';
import { runnerOptions } from './runners.js';

const settings = z.object(proxySettings).parse({});

describe('the label of the containers of a gateway', () => {
  it('R7 is of this machine and this state folder, and the same for s2cs and s2ds', async () => {
    const [one, other] = ['/srv/one/s2ds.sock', '/srv/other/s2ds.sock'];
    const { docker, folder } = await runnerOptions('s2ds', settings, one);
    const mark = await machineMark();
    expect(docker.gateway).toBe(mark === '' ? folder : `${mark}:${folder}`);
    expect((await runnerOptions('s2cs', settings, one)).docker.gateway).toBe(docker.gateway);
    expect((await runnerOptions('s2ds', settings, other)).docker.gateway).not.toBe(docker.gateway);
  });
});
