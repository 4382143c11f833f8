import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFinal, transition, type SessionEvent, type SessionState } from './session.js';

const events: SessionEvent[] = ['hello', 'forwarding', 'release', 'expire', 'fail'];
const order: SessionState[] = ['requested', 'registered', 'active'];

describe('session states', () => {
  it('only move forward, whatever happens in whatever order, and a final state is never left', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events)), (happened) => {
        let state: SessionState = 'requested';
        for (const event of happened) {
          const next = transition(state, event);
          if (next === undefined) continue;
          expect(isFinal(state)).toBe(false);
          if (!isFinal(next)) expect(order.indexOf(next)).toBeGreaterThanOrEqual(order.indexOf(state));
          state = next;
        }
      }),
    );
  });

  it('every live state can be ended in each of the three ways', () => {
    for (const state of order) {
      expect(transition(state, 'release')).toBe('released');
      expect(transition(state, 'expire')).toBe('expired');
      expect(transition(state, 'fail')).toBe('failed');
    }
  });

  it('forwards only after the application or the targets have come', () => {
    expect(transition('requested', 'forwarding')).toBeUndefined();
    expect(transition('registered', 'forwarding')).toBe('active');
  });
});
