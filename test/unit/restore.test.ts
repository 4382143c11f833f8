import { describe, expect, it } from 'vitest';
import { toAnnotations } from '../../src/control/annotations.js';
import type { Gateway } from '../../src/control/gateway.js';
import { parseEndpoints } from '../../src/core/endpoint.js';
import { memoryFacility } from '../support/memory-facility.js';

const targets = parseEndpoints(['h.example:1']);

/** What a control server before this one has reserved for a session of `uid`, at `created`. */
async function carries(gateway: Gateway, uid: string, created: number, forwards = true): Promise<string> {
  const identity = {
    uid,
    role: 'PROD',
    owner: 'anonymous',
    labels: {},
    requestId: '',
    created,
    listenerIp: '',
  } as const;
  const annotations = toAnnotations(identity, { targets, maxRate: 0, expires: undefined });
  const reserved = await gateway.reserve({
    ...{ uid, role: 'PROD', numListeners: 1, preferredPorts: [], maxRate: 0, security: 'none', key: undefined },
    ...{ transport: 'tcp', annotations },
  });
  if (forwards) await gateway.update(reserved, { targets, annotations });
  return reserved.id;
}

describe('a control server that finds sessions on its gateway', () => {
  it('keeps the newest of a uid and releases those that could not be released before, whatever their order', async () => {
    const { facility, agent, v2 } = memoryFacility();
    const ids = [];
    for (const created of [2000, 3000, 1000]) ids.push(await carries(facility.gateway, 'x', created));
    await carries(facility.gateway, 'older', 500);
    await facility.sessions.restore();
    const { sessions } = await v2.listSessions({});
    expect(sessions.map(({ uid }) => uid)).toEqual(['older', 'x']);
    expect(sessions[1]?.created?.seconds).toBe(3n);
    expect(agent.list()).toHaveLength(2);
    expect(agent.list().map(({ id }) => id)).toContain(ids[1]);
    await v2.releaseSession({ uid: 'x' });
    expect(facility.sessions.size).toBe(1);
  });

  it('gives a uid up whose newest session never got its targets', async () => {
    const { facility, agent } = memoryFacility();
    await carries(facility.gateway, 'x', 1000);
    await carries(facility.gateway, 'x', 2000, false);
    await facility.sessions.restore();
    expect([facility.sessions.size, agent.list()]).toEqual([0, []]);
  });
});
