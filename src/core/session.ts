/**
 * The life of a session.
 *
 *     requested --hello or targets--> registered --targets in place--> active --release--> released
 *         |                              |                               |
 *         +-- hello timeout --> expired  +-- error --> failed <----------+-- lifetime over --> expired
 */
export type SessionState = 'requested' | 'registered' | 'active' | 'released' | 'expired' | 'failed';

export type SessionEvent =
  /** The application, or the targets that make its Hello unnecessary, arrived. */
  | 'hello'
  /** Every listener forwards to its target. */
  | 'forwarding'
  | 'release'
  /** The Hello did not come in time, or the lifetime is over. */
  | 'expire'
  | 'fail';

const next: Record<SessionState, Partial<Record<SessionEvent, SessionState>>> = {
  requested: { hello: 'registered', release: 'released', expire: 'expired', fail: 'failed' },
  registered: { forwarding: 'active', release: 'released', expire: 'expired', fail: 'failed' },
  active: { forwarding: 'active', release: 'released', expire: 'expired', fail: 'failed' },
  released: {},
  expired: {},
  failed: {},
};

/** The state after `event`, or undefined when the event means nothing in this state. */
export function transition(state: SessionState, event: SessionEvent): SessionState | undefined {
  return next[state][event];
}

/** True once a session holds nothing any more. */
export function isFinal(state: SessionState): boolean {
  return Object.keys(next[state]).length === 0;
}
