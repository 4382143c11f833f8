import { describe, expect, it } from 'vitest';
import { LiveBytes } from './live-bytes.js';
import { parseSessions, type Session } from './sessions.js';

const answer = `0x55d39e6f0af0: [21/Nov/2026:15:48:54.197863] id=7 proto=tcpv6 source=2001:db8::1:57240
  flags=0x4a, conn_retries=0, conn_exp=<NEVER> conn_et=0x000 srv_conn=0x55d39e62eac0, pend_pos=(nil) waiting=0 epoch=0
  frontend=in1 (id=2 mode=tcp), listener=? (id=1) addr=::1:15999
  backend=out1 (id=3 mode=tcp) addr=127.0.0.1:49492
  server=s0 (id=1) addr=127.0.0.1:15001
  req=0x55d39e6f0b10 (f=0xa48202 an=0x0 pipe=0 tofwd=-1 total=5)
      an_exp=4s rex=23d23h wex=<NEVER>
  res=0x55d39e6f0b70 (f=0x80248202 an=0x0 pipe=0 tofwd=-1 total=11)
0x55d39e80b7f0: [21/Nov/2026:15:48:54.662669] id=8 proto=tcpv4 source=192.0.2.1:4000
  frontend=in0 (id=2 mode=tcp), listener=? (id=1) addr=192.0.2.7:15999
  server=<NONE> (id=-1)
  req=0x55d39e80b800 (f=0xc08000 an=0x0 pipe=0 tofwd=-1 total=0)
  res=0x55d39e80b860 (f=0x80008002 an=0x0 pipe=0 tofwd=-1 total=0)
0x55d39e80b7e0: [21/Nov/2026:15:48:54.662669] id=1 proto=unix_stream source=unix:1
  frontend=GLOBAL (id=0 mode=tcp), listener=? (id=1) addr=unix:1
  req=0x55d39e80b800 (f=0xc08000 an=0x0 pipe=0 tofwd=-1 total=14)
  res=0x55d39e80b860 (f=0x80008002 an=0x0 pipe=0 tofwd=-1 total=1257)

`;

describe('show sess all', () => {
  it('gives the connections, IPv6 ones too, and not its own', () => {
    expect(parseSessions(answer)).toEqual([
      {
        id: 'id=7',
        frontend: 'in1',
        client: { host: '2001:db8::1', port: 57240 },
        target: { host: '127.0.0.1', port: 15001 },
        bytesIn: 5,
        bytesOut: 11,
      },
      { id: 'id=8', frontend: 'in0', client: { host: '192.0.2.1', port: 4000 }, bytesIn: 0, bytesOut: 0 },
    ]);
    expect(parseSessions('\n')).toEqual([]);
  });
});

describe('bytes of open connections', () => {
  const session = (id: string, bytes: number): Session => ({
    id,
    frontend: 'in0',
    client: { host: '192.0.2.1', port: 4000 },
    bytesIn: bytes,
    bytesOut: 0,
  });
  const counted = (bytesIn: number) => ({ bytesIn, bytesOut: 0 });

  it('are added before the counters have them, and not twice', () => {
    const live = new LiveBytes();
    expect(live.add(counted(100), [session('a', 50)])).toEqual(counted(100));
    expect(live.add(counted(100), [session('a', 80), session('b', 5)])).toEqual(counted(135));
    expect(live.add(counted(160), [session('b', 5)])).toEqual(counted(160));
    expect(live.add(counted(160), [session('b', 6)])).toEqual(counted(161));
  });

  it('count also when they have been moved before the first look', () => {
    expect(new LiveBytes().add(counted(10), [session('a', 50)])).toEqual(counted(50));
    expect(new LiveBytes().add(counted(60), [session('a', 50)])).toEqual(counted(60));
  });

  it('are left to the counters while there are too many to list', () => {
    const live = new LiveBytes();
    live.add(counted(0), []);
    expect(live.add(counted(10), undefined)).toEqual(counted(10));
    expect(live.add(counted(10), [session('a', 10)])).toEqual(counted(10));
    expect(live.add(counted(10), [session('a', 15)])).toEqual(counted(15));
  });
});
