import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { loadNative } from '../../../../platform/ffi/native.js';
import { SocketAddress } from '../../../../platform/ffi/socket-address.js';
import { Sockets } from '../../../../platform/ffi/socket.js';
import { Congestion } from './congestion.js';

const native = await loadNative(true);

describe.skipIf(!native)('congestion control', () => {
  it('leaves BBR to connections that go far, and every other choice of the system alone', async () => {
    if (!native) return;
    const sockets = new Sockets(native);
    const system = sockets.defaultCongestion();
    expect(system).toMatch(/^[a-z]\w+$/);
    const congestion = new Congestion(sockets);
    expect(congestion.first).toBe(system.startsWith('bbr') ? 'reno' : undefined);

    const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const accepted = once(server, 'connection');
    const fd = sockets.connect(SocketAddress.of({ host: '127.0.0.1', port }), congestion.first);
    try {
      await accepted;
      const first = congestion.first ?? system;
      expect(sockets.congestionOf(fd)).toBe(first);
      congestion.settle(fd);
      expect(sockets.congestionOf(fd), 'after so short a way').toBe(first);
      new Congestion(sockets, 0).settle(fd);
      expect(sockets.congestionOf(fd), 'when any way counts as far').toBe(system);
    } finally {
      sockets.close(fd);
      server.close();
      await once(server, 'close');
    }
  });
});
