import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { until } from '../../core/until.js';
import { epollEventBytes, errno, messageFlag } from './constants.js';
import { messageHeaderBytes } from './libc.js';
import { loadNative } from './native.js';
import { SocketAddress } from './socket-address.js';
import { Sockets } from './socket.js';

const sizes = { vector: 16, claimed: 64, allocated: 60 } as const;

describe.runIf(process.platform === 'linux')('native functions', () => {
  it('are not called with less room than they may fill', async () => {
    const native = await loadNative(false);
    if (!native) throw new Error('there are none here');
    const room = native.allocate(epollEventBytes);
    expect(() => native.libc.epollWait(-1, room, 2, 0)).toThrow(RangeError);
    expect(() => native.libc.read(-1, room, 1, epollEventBytes)).toThrow(RangeError);
  });

  it('tell in the checked mode of the kernel writing beyond what was allocated', async () => {
    const native = await loadNative(true);
    if (!native) throw new Error('there are none here');
    const { libc } = native;
    const peer = createSocket('udp4').bind(0, '127.0.0.1');
    await once(peer, 'listening');
    peer.on('message', (_, { port, address }) => {
      peer.send(Buffer.alloc(sizes.claimed, 1), port, address);
    });
    const fd = new Sockets(native).datagramsTo(SocketAddress.of({ host: '127.0.0.1', port: peer.address().port }), 0);
    const [headers, vector, payload] = [messageHeaderBytes, sizes.vector, sizes.allocated].map((size) =>
      native.allocate(size),
    );
    if (!headers || !vector || !payload) throw new Error('no memory');
    // The one call whose pointers cannot be checked beforehand: they stand in memory.
    headers.bytes.writeBigUInt64LE(BigInt(vector.address), 16);
    headers.bytes.writeBigUInt64LE(1n, 24);
    vector.bytes.writeBigUInt64LE(BigInt(payload.address), 0);
    vector.bytes.writeBigUInt64LE(BigInt(sizes.claimed), 8);
    libc.write(fd, payload, 0, 1);
    const receive = (): number => libc.receiveMessages(fd, headers, 1, messageFlag.dontWait);
    await expect(until('an answer', 5_000, () => receive() !== -errno.EAGAIN)).rejects.toThrow(
      'out of bounds in receiveMessages',
    );
    expect(() => libc.close(fd)).toThrow('out of bounds in close');
    peer.close();
  });
});
