import { epollEventBytes } from './constants.js';
import { addressIn, type Memory } from './memory.js';
import type { Library } from './library.js';

/** Where a call may put nothing. */
const nowhere = 0;

/**
 * Calls of the C library. Each answers what the C function does or, where that fails, the negative errno; none throws unless
 * it is told to use bytes outside of a memory.
 */
export interface Libc {
  socket(family: number, type: number): number;
  bind(fd: number, address: Memory, length: number): number;
  listen(fd: number, backlog: number): number;
  /** Writes the peer's address into `address` and its length into `length` (4 bytes). */
  accept(fd: number, address: Memory, length: Memory, flags: number): number;
  connect(fd: number, address: Memory, length: number): number;
  /** As `accept` writes them. */
  getpeername(fd: number, address: Memory, length: Memory): number;
  getsockopt(fd: number, level: number, option: number, value: Memory, length: Memory): number;
  setsockopt(fd: number, level: number, option: number, value: Memory, length: number): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  read(fd: number, memory: Memory, offset: number, length: number): number;
  write(fd: number, memory: Memory, offset: number, length: number): number;
  splice(from: number, to: number, length: number, flags: number): number;
  /** Writes the two descriptors into `ends` (8 bytes). */
  pipe(ends: Memory, flags: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  epollCreate(flags: number): number;
  epollControl(epoll: number, operation: number, fd: number, event: Memory): number;
  /** Milliseconds, -1 waits without end. */
  epollWait(epoll: number, events: Memory, max: number, timeoutMs: number): number;
  eventfd(flags: number): number;
  /** `headers` holds `count` mmsghdr of 64 bytes whose pointers the caller answers for. */
  receiveMessages(fd: number, headers: Memory, count: number, flags: number): number;
  sendMessages(fd: number, headers: Memory, first: number, count: number, flags: number): number;
}

export const messageHeaderBytes = 64;

export function bindLibc({ bind, errno }: Library): Libc {
  const fd = 'int';
  const socket = bind('socket', 'int', ['int', 'int', 'int']);
  const bindTo = bind('bind', 'int', [fd, 'uintptr_t', 'uint32_t']);
  const listen = bind('listen', 'int', [fd, 'int']);
  const accept = bind('accept4', 'int', [fd, 'uintptr_t', 'uintptr_t', 'int']);
  const connect = bind('connect', 'int', [fd, 'uintptr_t', 'uint32_t']);
  const getpeername = bind('getpeername', 'int', [fd, 'uintptr_t', 'uintptr_t']);
  const option = [fd, 'int', 'int', 'uintptr_t'];
  const getsockopt = bind('getsockopt', 'int', [...option, 'uintptr_t']);
  const setsockopt = bind('setsockopt', 'int', [...option, 'uint32_t']);
  const shutdown = bind('shutdown', 'int', [fd, 'int']);
  const close = bind('close', 'int', [fd]);
  const transfer = [fd, 'uintptr_t', 'size_t'];
  const read = bind('read', 'int64_t', transfer);
  const write = bind('write', 'int64_t', transfer);
  const splice = bind('splice', 'int64_t', [...[fd, 'uintptr_t', fd, 'uintptr_t', 'size_t', 'uint32_t']]);
  const pipe = bind('pipe2', 'int', ['uintptr_t', 'int']);
  const fcntl = bind('fcntl', 'int', [fd, 'int', 'int']);
  const epollCreate = bind('epoll_create1', 'int', ['int']);
  const epollControl = bind('epoll_ctl', 'int', [fd, 'int', fd, 'uintptr_t']);
  const epollWait = bind('epoll_wait', 'int', [fd, 'uintptr_t', 'int', 'int']);
  const eventfd = bind('eventfd', 'int', ['uint32_t', 'int']);
  const messages = [fd, 'uintptr_t', 'uint32_t', 'int'];
  const receive = bind('recvmmsg', 'int', [...messages, 'uintptr_t']);
  const sendAll = bind('sendmmsg', 'int', messages);
  const answer = (result: number): number => (result < 0 ? -errno() : result);
  return {
    socket: (family, type) => answer(socket(family, type, 0)),
    bind: (socketFd, address, length) => answer(bindTo(socketFd, addressIn(address, 0, length), length)),
    listen: (socketFd, backlog) => answer(listen(socketFd, backlog)),
    accept: (socketFd, address, length, flags) => {
      length.bytes.writeUInt32LE(address.bytes.length, 0);
      return answer(accept(socketFd, address.address, addressIn(length, 0, 4), flags));
    },
    connect: (socketFd, address, length) => answer(connect(socketFd, addressIn(address, 0, length), length)),
    getpeername: (socketFd, address, length) => {
      length.bytes.writeUInt32LE(address.bytes.length, 0);
      return answer(getpeername(socketFd, address.address, addressIn(length, 0, 4)));
    },
    getsockopt: (socketFd, level, name, value, length) => {
      length.bytes.writeUInt32LE(value.bytes.length, 0);
      return answer(getsockopt(socketFd, level, name, value.address, addressIn(length, 0, 4)));
    },
    setsockopt: (socketFd, level, name, value, length) =>
      answer(setsockopt(socketFd, level, name, addressIn(value, 0, length), length)),
    shutdown: (socketFd, how) => answer(shutdown(socketFd, how)),
    close: (descriptor) => answer(close(descriptor)),
    read: (descriptor, memory, offset, length) => answer(read(descriptor, addressIn(memory, offset, length), length)),
    write: (descriptor, memory, offset, length) => answer(write(descriptor, addressIn(memory, offset, length), length)),
    splice: (from, to, length, flags) => answer(splice(from, nowhere, to, nowhere, length, flags)),
    pipe: (ends, flags) => answer(pipe(addressIn(ends, 0, 8), flags)),
    fcntl: (descriptor, command, argument) => answer(fcntl(descriptor, command, argument)),
    epollCreate: (flags) => answer(epollCreate(flags)),
    epollControl: (epoll, operation, descriptor, event) =>
      answer(epollControl(epoll, operation, descriptor, event.address)),
    epollWait: (epoll, events, max, timeoutMs) =>
      answer(epollWait(epoll, addressIn(events, 0, max * epollEventBytes), max, timeoutMs)),
    eventfd: (flags) => answer(eventfd(0, flags)),
    receiveMessages: (socketFd, headers, count, flags) =>
      answer(receive(socketFd, addressIn(headers, 0, count * messageHeaderBytes), count, flags, nowhere)),
    sendMessages: (socketFd, headers, first, count, flags) =>
      answer(
        sendAll(socketFd, addressIn(headers, first * messageHeaderBytes, count * messageHeaderBytes), count, flags),
      ),
  };
}
