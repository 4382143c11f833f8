import { describe, expect, it } from 'vitest';
import { SciStreamError } from '../../src/core/errors.js';
import { until } from '../../src/core/until.js';
import { memoryFacility } from '../support/memory-facility.js';

describe('a data server that does not answer in time', () => {
  it('costs the session nothing but time: it ends, nothing fails unseen, and its ports come back later', async () => {
    let hanging = false;
    const beforeDataCall = (): Promise<void> =>
      hanging ? Promise.reject(new SciStreamError('TIMEOUT', 'no answer')) : Promise.resolve();
    const { v2, agent, facility } = memoryFacility({ beforeDataCall });
    const lifetime = { nanos: 20_000_000 };
    await v2.createSession({ uid: 'slow', role: 'PROD', targets: ['h.example:1'], lifetime });
    hanging = true;
    await until('the end of the session', 5_000, () => facility.sessions.size === 0);
    expect(agent.list()).toHaveLength(1);
    hanging = false;
    await until('the ports coming back', 10_000, () => agent.list().length === 0);
    expect(agent.ports.free).toBe(agent.ports.total);
  });
});
