import { describe, expect, it } from 'vitest';
import { parseServers, parseStat } from './tables.js';

const head = '# pxname,svname,qcur,scur,stot,bin,bout,econ,status,\n';

describe('what HAProxy answers', () => {
  it('show stat: sums over frontends, refusals of the backends, in whatever columns', () => {
    const text =
      `${head}in0,FRONTEND,,2,10,1000,2000,,OPEN,\nout0,s0,0,2,12,9,9,5,UP,\nout0,BACKEND,0,2,9,1,1,3,UP,\n` +
      'in1,FRONTEND,,1,5,10,20,,OPEN,\nout1,BACKEND,0,1,5,1,1,0,UP,\n\n';
    const bytes = { bytesIn: 1010, bytesOut: 2020 };
    expect(parseStat(text)).toEqual({ ...bytes, openConnections: 3, totalConnections: 15, refusedConnections: 3 });
  });

  it('show stat: anything else is refused', () => {
    expect(() => parseStat('Unknown command')).toThrow(/no head: Unknown command/);
    expect(() => parseStat('# pxname,svname\nin0,FRONTEND\n')).toThrow(/unknown/);
    expect(() => parseStat(`${head}in0,FRONTEND,,two,10,1000,2000,,OPEN,\n`)).toThrow(/unknown/);
  });

  it('show servers state: address, port and whether it is in use', () => {
    const text =
      '1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_fqdn srv_port\n' +
      '3 out0 1 s0 127.0.0.1 2 0 - 15001\n3 out0 2 s1 ::1 0 1 - 15002\n5 out1 1 s0 127.0.0.1 2 0 - 15003\n\n';
    const [first, second] = [...parseServers(text)];
    expect(first).toEqual([
      'out0',
      [
        { name: 's0', host: '127.0.0.1', port: 15001, inUse: true },
        { name: 's1', host: '::1', port: 15002, inUse: false },
      ],
    ]);
    expect(second?.[0]).toBe('out1');
  });
});
