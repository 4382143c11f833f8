import { describe, expect, it } from 'vitest';
import { canRunDocker, dockerEngine } from '../support/docker.js';
import { containers, haproxy, setUp } from '../support/docker-runner.js';
import { EngineGate } from '../support/engine-gate.js';

describe.runIf(canRunDocker())('what the runner docker can run', () => {
  it.each(['create', 'start', 'wait'])(
    'is told without the version while the Engine does not answer a %s, in time and with nothing left',
    async (call) => {
      const { gate, host } = await EngineGate.open((await dockerEngine()).socket);
      gate.ignored = new RegExp(`^POST /containers/(\\S+/)?${call}`);
      const setup = await setUp({ host });
      const started = performance.now();
      expect(await setup.runner.check(haproxy)).toEqual({
        available: true,
        version: expect.stringMatching(/^version not known \(image /) as string,
      });
      expect(performance.now() - started).toBeLessThan(9_000);
      expect(await containers(setup)).toEqual([]);
      gate.ignored = undefined;
      expect(await setup.runner.check(haproxy)).toMatchObject({ version: expect.stringMatching(/^\d/) as string });
    },
  );
});
