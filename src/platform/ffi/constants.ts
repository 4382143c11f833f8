/** Numbers of the Linux kernel's interface, as in its headers; the same on all of Node's 64-bit Linux systems. */

export const errno = {
  EINTR: 4,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EPIPE: 32,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EINPROGRESS: 115,
} as const;

export const family = { inet: 2, inet6: 10 } as const;

export const socketType = { stream: 1, datagram: 2, nonBlocking: 0x800, closeOnExec: 0x80000 } as const;

export const level = { socket: 1, ipv6: 41, tcp: 6 } as const;

export const socketOption = {
  reuseAddress: 2,
  error: 4,
  sendBuffer: 7,
  receiveBuffer: 8,
  keepAlive: 9,
  linger: 13,
  maxPacingRate: 47,
} as const;

export const ipv6Option = { only: 26 } as const;

export const tcpOption = { noDelay: 1, cork: 3, keepIdle: 4, keepInterval: 5, info: 11, congestion: 13 } as const;

export const shutdownHow = { write: 1 } as const;

export const epollOperation = { add: 1, remove: 2 } as const;

export const epollEvent = {
  in: 0x1,
  out: 0x4,
  error: 0x8,
  hangup: 0x10,
  readHangup: 0x2000,
  exclusive: 1 << 28,
  edge: 1 << 31,
} as const;

export const fcntlCommand = { setPipeSize: 1031 } as const;

export const spliceFlag = { move: 1, nonBlocking: 2 } as const;

export const messageFlag = { dontWait: 0x40, noSignal: 0x4000 } as const;

/** struct epoll_event is packed on x86-64 only. */
export const epollEventBytes = process.arch === 'x64' ? 12 : 16;
export const epollDataOffset = epollEventBytes - 8;
