import { z } from 'zod';
import { formatEndpoint, parseEndpoint, type Endpoint } from '../core/endpoint.js';
import type { SessionIdentity } from './session.js';

/** What the agent keeps for us, so that a restarted control server knows its sessions again. */
const storedSession = z.object({
  uid: z.string(),
  role: z.enum(['PROD', 'CONS']),
  owner: z.string(),
  labels: z.record(z.string(), z.string()),
  maxRate: z.number(),
  requestId: z.string(),
  created: z.number(),
  listenerIp: z.string(),
  targets: z.array(z.string()),
  expires: z.number().optional(),
});

const key = 'scistream/session';

/** The part of a session that changes while it lives. */
export interface StoredProgress {
  readonly targets: readonly Endpoint[];
  /** Milliseconds since the epoch; undefined: the session never ends by itself. */
  readonly expires: number | undefined;
}

export function toAnnotations(identity: SessionIdentity, { targets, expires }: StoredProgress): Record<string, string> {
  const stored: z.infer<typeof storedSession> = {
    ...identity,
    labels: { ...identity.labels },
    targets: targets.map(formatEndpoint),
    ...(expires === undefined ? {} : { expires }),
  };
  return { [key]: JSON.stringify(stored) };
}

/** Undefined when they are not ours, or of a version that lacks what we need. What a later one has added is ignored. */
export function fromAnnotations(
  annotations: Readonly<Record<string, string>>,
): { identity: SessionIdentity; progress: StoredProgress } | undefined {
  try {
    const { expires, targets, ...identity } = storedSession.parse(JSON.parse(annotations[key] ?? ''));
    return { identity, progress: { targets: targets.map(parseEndpoint), expires } };
  } catch {
    return undefined;
  }
}
