import { describe, expect, it } from 'vitest';
import { loadS2csConfig } from '../../src/config/s2cs.js';
import type { LocalAgentOptions } from '../../src/control/agent-supply.js';
import { agentSocket, LocalAgent } from '../../src/control/local-agent.js';
import { systemClock } from '../../src/core/clock.js';
import { until } from '../../src/core/until.js';
import { isRunning } from '../../src/platform/child.js';
import { ensurePrivateDir, isServed } from '../../src/platform/state-dir.js';
import { loggerTo } from '../support/engine.js';
import { temporaryDir } from '../support/facility.js';
import { bin } from '../support/program.js';

async function startAgent() {
  const stateDir = await temporaryDir();
  await ensurePrivateDir(stateDir);
  const log: string[] = [];
  const options: LocalAgentOptions = {
    ...{ agentCommand: [process.execPath, bin('s2ds')], agentSettings: await loadS2csConfig({ flags: {} }) },
    ...{ stateDir, listenerIp: '127.0.0.1', portRange: { kind: 'system' }, version: '0.1.0', verbose: false },
    ...{ clock: systemClock, logger: loggerTo(log) },
  };
  const agent = await LocalAgent.start(options, new AbortController().signal);
  const { pid } = await agent.client.info({});
  return { agent, pid, log, socket: `${stateDir}/${agentSocket}` };
}

describe('the data server of a start that has failed', () => {
  it('is ended when it carries nothing', async () => {
    const { agent, pid, socket } = await startAgent();
    await agent.discard();
    expect(isRunning(pid)).toBe(false);
    expect(await isServed(socket)).toBe(false);
  });

  it('hides the failure by none of its own when it has just died, and is not started again', async () => {
    const { agent, pid, log, socket } = await startAgent();
    process.kill(pid, 'SIGKILL');
    await agent.discard();
    await until('its end', 5_000, () => !isRunning(pid));
    expect(log.join('')).toMatch(/the data server could not be ended/);
    expect(await isServed(socket)).toBe(false);
  });
});
