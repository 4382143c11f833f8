import { describe, expect, it } from 'vitest';
import { epollDataOffset, epollEvent, epollEventBytes, epollOperation } from './constants.js';
import { loadNative } from './native.js';

describe.runIf(process.platform === 'linux')('native functions in the checked mode', () => {
  it('tell of the kernel writing more than there is room for', async () => {
    const native = await loadNative(true);
    if (!native) throw new Error('there are none here');
    const { libc } = native;
    const epoll = libc.epollCreate(0);
    const watched = [libc.eventfd(0), libc.eventfd(0)];
    const request = native.allocate(epollEventBytes);
    for (const fd of watched) {
      request.bytes.writeUInt32LE(epollEvent.out, 0);
      request.bytes.writeInt32LE(fd, epollDataOffset);
      libc.epollControl(epoll, epollOperation.add, fd, request);
    }
    const roomForOne = native.allocate(epollEventBytes);
    expect(libc.epollWait(epoll, roomForOne, 1, 0)).toBe(1);
    expect(() => libc.epollWait(epoll, roomForOne, 2, 0)).toThrow('out of bounds in epollWait');
    for (const fd of [...watched, epoll]) expect(() => libc.close(fd)).toThrow('out of bounds in close');
  });
});
