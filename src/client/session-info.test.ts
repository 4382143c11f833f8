import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { SessionSchema } from '../gen/scistream/control/v2/control_pb.js';
import { sessionInfo } from './session-info.js';

describe('what a session tells', () => {
  it('holds the counters that the data server knows, and no others', () => {
    const counters = { bytesIn: 1n, failedHandshakes: 2n, retransmits: 3n, rttUs: 4n, droppedDatagrams: 0n };
    const session = create(SessionSchema, { uid: 'x', role: 'PROD', transport: 'udp', maxRate: 5n, counters });
    expect(sessionInfo(session, 'h:1')).toMatchObject({ transport: 'udp', maxRate: 5n, s2cs: 'h:1' });
    expect(sessionInfo(session, 'h:1').traffic).toEqual(counters);
    expect(sessionInfo(create(SessionSchema, { role: 'CONS' }), 'h:1').traffic).toEqual({});
  });
});
