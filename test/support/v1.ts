import type { Client } from '@connectrpc/connect';
import type { Control, Response } from '../../src/gen/scistream_pb.js';
import type { Role } from '../../src/core/identity.js';
import { until } from '../../src/core/until.js';
import type { Facility } from './facility.js';

export type V1 = Client<typeof Control>;

/** The state of a session, or undefined while the server does not know it. */
export async function stateOf(facility: Facility, uid: string): Promise<string | undefined> {
  const sessions = await facility.client().listSessions();
  return sessions.find((session) => session.uid === uid)?.state;
}

/** Waits until the server has reserved the ports of a request that still waits for its Hello. */
export async function requested(facility: Facility, uid: string): Promise<void> {
  const client = facility.client();
  await until(`session ${uid} being requested`, 5_000, async () => {
    const found = (await client.listSessions()).find((session) => session.uid === uid);
    return found !== undefined && found.listeners.length > 0;
  });
}

/** Upstream's whole sequence for one end: request and Hello together, then the targets. */
export async function openEnd(
  v1: V1,
  uid: string,
  role: Role,
  targets: readonly string[],
  numConn = targets.length,
): Promise<Response> {
  const [response] = await Promise.all([
    v1.req({ uid, role, numConn, rate: 10_000 }),
    v1.hello({ uid, role: 'PROD', prodListeners: [...targets] }),
  ]);
  await v1.update({ uid, role, remoteListeners: [...targets] });
  return response;
}

/** The first of something that must be there. */
export function first<T>(values: readonly T[]): T {
  const [value] = values;
  if (value === undefined) throw new Error('nothing there');
  return value;
}
