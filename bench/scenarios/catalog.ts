import type { Arm } from '../arms/arm.js';
import { direct } from '../arms/direct.js';
import { haproxy, haproxyBuffers, haproxyTls, haproxyUpstream } from '../arms/haproxy.js';
import { nginxStream, nginxTls } from '../arms/nginx.js';
import { nodePipe } from '../arms/node-pipe.js';
import { relay, relayEncrypted, relayPortable, relayTwoHops } from '../arms/relay.js';
import { stunnelNull, stunnelPsk } from '../arms/stunnel.js';
import { bulk } from './bulk.js';
import { firstByte } from './first-byte.js';
import { http } from './http.js';
import { idle } from './idle.js';
import { reserve } from './reserve.js';
import type { Scenario } from './scenario.js';
import { udp } from './udp.js';
import { zeromq } from './zeromq.js';

const extraArms = [relayPortable, nodePipe];
const plain = { arms: [direct, relay, haproxy, haproxyBuffers, haproxyUpstream, nginxStream], extraArms };
const encrypted: readonly Arm[] = [relayEncrypted, stunnelPsk, haproxyTls, nginxTls, stunnelNull];
const small = { arms: [direct, relay, haproxy, nginxStream], extraArms };
const datagrams: readonly Arm[] = [direct, relay, relayPortable, nginxStream];
const chains: readonly Arm[] = [direct, relay, relayTwoHops, relayEncrypted];

const streams = [1, 4, 16];
const sizes = [
  { name: 'zeromq-1m', size: '1 MiB', messageBytes: 1 << 20 },
  { name: 'zeromq-64k', size: '64 KiB', messageBytes: 64 << 10 },
  { name: 'zeromq-4k', size: '4 KiB', messageBytes: 4 << 10 },
  { name: 'zeromq-512', size: '512 B', messageBytes: 512 },
];

/** Everything there is to measure, in the order of a full run. */
export const scenarios: readonly Scenario[] = [
  ...streams.map((count) =>
    bulk({
      name: `plain-${count}`,
      title: `Plain TCP, one hop, ${streamsText(count)}`,
      ...plain,
      streams: count,
      quick: count === 1,
      reference: haproxy.name,
    }),
  ),
  ...streams.map((count) =>
    bulk({
      name: `encrypted-${count}`,
      title: `Encrypted, two hops, ${streamsText(count)}`,
      arms: encrypted,
      streams: count,
      quick: count === 1,
      reference: stunnelPsk.name,
    }),
  ),
  ...[16, 256].map((connections) =>
    http({
      name: `requests-${connections}`,
      title: `HTTP requests with answers of 1 KiB, ${connections} connections kept alive`,
      ...small,
      connections,
      quick: connections === 16,
    }),
  ),
  http({
    name: 'connections',
    title: 'New connections, one HTTP request on each, 16 at a time',
    ...small,
    connections: 16,
    close: true,
    quick: true,
  }),
  udp({ name: 'udp-paced', title: 'UDP, 1400 B datagrams, 250 Mb/s offered', rate: '250M', arms: datagrams }),
  udp({ name: 'udp-flood', title: 'UDP, 1400 B datagrams, as many as one sender makes', rate: '0', arms: datagrams }),
  ...sizes.map((size) => zeromq({ ...size, arms: chains, quick: size.messageBytes === 1 << 20 })),
  idle([relay, relayPortable, haproxy]),
  reserve,
  firstByte,
];

function streamsText(count: number): string {
  return count === 1 ? '1 stream' : `${count} streams`;
}
