import { describe, expect, it } from 'vitest';
import { connect, serve } from '../../../../test/support/tcp.js';
import { parseEndpoint } from '../../../core/endpoint.js';
import { until } from '../../../core/until.js';
import { establishedAt } from './tcp-sockets.js';
import { parseProcNet, parseSs } from './tcp-sockets-text.js';

/** From iproute2 6.1 on Linux 6.1, shortened. */
const ss = [
  'ESTAB      1000 0             127.0.0.1:57566        127.0.0.1:17001 ino:6132823 sk:d cgroup:/ <-> ts sack bbr wscale:10,10 rto:204 rtt:0.034/0.018 ato:40 mss:35328 cwnd:11 bytes_sent:1500 bytes_retrans:500 bytes_acked:1001 bytes_received:700 segs_out:4 retrans:0/3 minrtt:0.013',
  'CLOSE-WAIT 501  0             127.0.0.1:17030        127.0.0.1:49964 ino:6132904 sk:1002 cgroup:/ --> ts sack bbr rto:200 rtt:0.021/0.01 cwnd:10 bytes_received:501 segs_out:2',
  'FIN-WAIT-2 0    0             127.0.0.1:49964        127.0.0.1:17030 timer:(timewait,59sec,0) ino:0 sk:1001',
  'ESTAB      0    0    [::ffff:127.0.0.1]:17031 [::ffff:127.0.0.1]:51166 ino:7 sk:1004 cgroup:/ <-> ts sack cwnd:10 segs_in:2',
  'ESTAB      0    0      [fe80::1]%eth0:17031          [2001:db8::7]:35362 ino:8 sk:1003 cgroup:/ <-> ts sack rtt:12.5/3 cwnd:10 segs_in:2',
  '',
].join('\n');

const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:4269 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6132809 1 000000007e60b770 100 0 0 10 0
  68: 0100007F:E0DE 0100007F:4269 01 00000000:000003E8 00:00000000 00000000     0        0 6132823 1 000000004deaaebb 20 4 32 11 -1
 471: 0100007F:C32C 0100007F:4286 05 00000000:00000000 03:0000174F 00000000     0        0 0 3 000000004021c584
`;

const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
  12: 0000000000000000FFFF00000100007F:4287 0000000000000000FFFF00000100007F:C7DE 01 00000000:00000000 00:00000000 00000000     0        0 5 1 000000006219f95d 20 0 0 10 -1
  13: 00000000000000000000000001000000:8A22 B80D0120000000000000000007000000:4287 08 00000000:00000000 00:00000000 00000000     0        0 6132628 2 000000000ae27da7 20 0 0 10 -1
`;

describe('what ss prints', () => {
  it('gives bytes of the stream, each counted once, and none for the end of the other side', () => {
    const [established, ended] = parseSs(ss);
    expect(established).toEqual({
      local: { host: '127.0.0.1', port: 57566 },
      remote: { host: '127.0.0.1', port: 17001 },
      bytesReceived: 700,
      bytesSent: 1000,
      rttUs: 34,
      retransmits: 3,
    });
    expect(ended).toMatchObject({ bytesReceived: 500, bytesSent: 0, retransmits: 0 });
  });

  it('R17 gives IPv6 addresses without brackets, and IPv4 ones as such', () => {
    const [, , mapped, scoped] = parseSs(ss);
    expect(mapped).toMatchObject({
      local: { host: '127.0.0.1', port: 17031 },
      remote: { host: '127.0.0.1', port: 51166 },
    });
    expect(scoped).toMatchObject({
      local: { host: 'fe80::1%eth0', port: 17031 },
      remote: { host: '2001:db8::7', port: 35362 },
      rttUs: 12_500,
    });
  });

  it('leaves out connections that no process holds', () => {
    expect(parseSs(ss)).toHaveLength(4);
  });
});

describe('/proc/net', () => {
  it('gives addresses of connections that a process holds', () => {
    expect(parseProcNet(tcp)).toEqual([
      { local: { host: '127.0.0.1', port: 57566 }, remote: { host: '127.0.0.1', port: 17001 } },
    ]);
  });

  it('R17 gives IPv6 addresses', () => {
    expect(parseProcNet(tcp6)).toEqual([
      { local: { host: '127.0.0.1', port: 17031 }, remote: { host: '127.0.0.1', port: 51166 } },
      { local: { host: '::1', port: 35362 }, remote: { host: '2001:db8::7', port: 17031 } },
    ]);
  });
});

describe.runIf(process.platform === 'linux')('this machine', () => {
  it.each(['127.0.0.1', '::1'])(
    'tells the connections that were accepted at %s, half-closed ones too',
    async (host) => {
      const server = await serve((socket) => socket.resume().write('1234567'), host);
      const listener = parseEndpoint(server.address);
      const one = await connect(server.address);
      const two = await connect(server.address);
      one.resume().write('12345');
      two.resume().end('123');
      const found = await until('both connections being told', 10_000, async () => {
        const all = (await establishedAt([listener])) ?? [];
        return all.length === 2 && all.every(({ bytesOut }) => (bytesOut ?? 7) === 7) && all;
      });
      const client = { host, port: one.localPort };
      expect(found.find((info) => info.client.port === one.localPort)).toMatchObject({ listener, client });
      // Without ss there are addresses only.
      const bytes = found.flatMap(({ bytesIn }) => bytesIn ?? []);
      expect([[], [3, 5]]).toContainEqual(bytes.sort());
    },
  );

  it('knows nobody at a port where nobody listens', async () => {
    await expect(establishedAt([{ host: '127.0.0.1', port: 1 }])).resolves.toEqual([]);
    await expect(establishedAt([])).resolves.toEqual([]);
  });
});
