import type { SessionState } from '../core/session.js';
import type { Logger } from './logger.js';

/** One step in the life of a session. */
export interface SessionTransition {
  readonly uid: string;
  readonly from: SessionState | undefined;
  readonly to: SessionState;
  /** Who caused it: a principal, or `clock`, `agent`, `server`. */
  readonly actor: string;
  readonly reason: string;
}

/** The one place where a transition becomes visible. */
export function recordTransition(logger: Logger, { uid, from, to, actor, reason }: SessionTransition): void {
  const level = to === 'failed' ? 'warn' : 'info';
  logger[level]({ uid, from, to, actor, reason }, 'session');
}
