import { describe, expect, it } from 'vitest';
import type { SessionInfo } from '../../client/session-info.js';
import { details, limit, sessionTable } from './session-text.js';

const session: SessionInfo = {
  ...{ uid: 'x', role: 'PROD', s2cs: 'h:1', state: 'active', listeners: ['192.0.2.1:1'], targets: ['192.0.2.2:2'] },
  ...{ security: 'none', transport: 'udp', owner: 'o', labels: {}, engine: 'relay', gateway: 'g', maxRate: 5_000_000n },
  traffic: { bytesIn: 0n, rttUs: 1500n, droppedDatagrams: 7n },
};

describe('a session in words', () => {
  it('has the counters that are known and leaves out the others', () => {
    const known = new Map(details(session).map(([name, value]) => [name, value] as const));
    expect(known.get('transport')).toBe('udp');
    expect(known.get('rate')).toBe('5.0 MB/s');
    expect(known.get('round trip')).toBe('1.5 ms');
    expect(known.get('dropped datagrams')).toBe('7');
    expect([known.has('retransmits'), known.has('failed handshakes')]).toEqual([false, false]);
    const encrypted = { ...session, traffic: { failedHandshakes: 1n, retransmits: 2n } };
    expect(details(encrypted).slice(-2)).toEqual([
      ['failed handshakes', '1'],
      ['retransmits', '2'],
    ]);
  });

  it('says in one line how its leg is protected and what its limit is', () => {
    expect(sessionTable([session])).toMatch(/ none udp +5\.0 MB\/s +0 B +- +-$/);
    expect(limit(session)).toBe(', at most 5.0 MB/s');
    expect(limit({ maxRate: 0n })).toBe('');
  });
});
