import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseEndpoints } from '../../src/core/endpoint.js';
import { until } from '../../src/core/until.js';
import { Agent, type ReserveOptions } from '../../src/data/agent.js';
import { loggerTo } from '../support/engine.js';
import { execFileSync } from 'node:child_process';
import { temporaryDir } from '../support/facility.js';
import { proxyPackages } from '../support/processes.js';
import { programsIn } from '../support/proxy-programs.js';
import { requirePrograms } from '../support/requires.js';
import { accepts, exchange, saying } from '../support/tcp.js';
import { formatEndpoint } from '../../src/core/endpoint.js';

const images = { haproxy: 'h', nginx: 'n', stunnel: 's' };
const request: ReserveOptions = {
  ...{ type: 'haproxy-process', role: 'PROD', numListeners: 1, preferredPorts: [], maxRate: 0 },
  ...{ security: 'none', key: undefined, transport: 'tcp', annotations: {} },
};

/** An agent in this process, with what its predecessors have left in the folder. */
function agentIn(folder: string, log: string[] = []): Agent {
  return new Agent({
    ...{ listenerIp: '127.0.0.1', portRange: { kind: 'system' }, logger: loggerTo(log) },
    engines: { workers: 1, portable: true, bufferSize: 1 << 20, socketBuffer: 0, idleTimeoutMs: 0 },
    runners: { folder, docker: { host: undefined, images, gateway: folder } },
    types: { legacyStunnelPeer: false },
  });
}

/** A stream of one's own agent, and where its clients connect. */
async function stream(agent: Agent): Promise<{ id: string; address: string }> {
  const { id, listeners } = await agent.reserve(request);
  const targets = parseEndpoints([(await saying('hello')).address]);
  await agent.update(id, { targets: [targets], annotations: {}, maxRate: undefined });
  const [listener] = listeners;
  return { id, address: listener ? formatEndpoint(listener) : '' };
}

async function folderOf(): Promise<string> {
  const folder = path.join(await temporaryDir(), 's2ds.d');
  onTestFinished(async () => {
    const last = agentIn(folder);
    last.revive();
    await until('the end of all programs', 10_000, async () => (await programsIn(folder)).length === 0);
    await last[Symbol.asyncDispose]();
  });
  return folder;
}

describe.runIf(requirePrograms(...proxyPackages))('an agent', () => {
  it('that does not come to serve leaves the streams of the one before to the next', async () => {
    const folder = await folderOf();
    const before = agentIn(folder);
    before.revive();
    const { address } = await stream(before);
    const failing = agentIn(folder);
    await failing.restore();
    expect(failing.list()).toHaveLength(1);
    await failing[Symbol.asyncDispose]();
    expect(await exchange(address, '')).toBe('hello');
    await before[Symbol.asyncDispose]();
    expect(await accepts(address)).toBe(false);
  });

  it('ends a stream also when that cannot be recorded, and gives its ports back when it can', async () => {
    const folder = await folderOf();
    const log: string[] = [];
    const agent = agentIn(folder, log);
    agent.revive();
    const { id, address } = await stream(agent);
    const record = path.join(folder, `${id}.json`);
    await rm(record);
    await mkdir(path.join(record, 'in the way'), { recursive: true });
    const { free } = agent.ports;
    await agent.release(id);
    expect(await accepts(address)).toBe(false);
    expect(log.join('')).toContain('cannot be recorded');
    expect(agent.ports.free).toBe(free);
    await rm(record, { recursive: true });
    await until('the ports', 10_000, () => agent.ports.free === free + 1);
    await agent[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  });

  it('does not wait for a pipe that somebody has put in the place of a file', async () => {
    const folder = await folderOf();
    const agent = agentIn(folder);
    agent.revive();
    const { id, address } = await stream(agent);
    const file = path.join(folder, id, 'haproxy.cfg');
    await rm(file);
    execFileSync('sh', ['-c', 'mkfifo "$0"', file]);
    const targets = parseEndpoints([(await saying('moved')).address]);
    await agent.update(id, { targets: [targets], annotations: {}, maxRate: undefined });
    expect(await exchange(address, '')).toBe('moved');
    await agent.release(id);
    expect(existsSync(path.join(folder, id))).toBe(false);
    await agent[Symbol.asyncDispose]();
  });
});
