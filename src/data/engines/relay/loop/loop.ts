import { messageOf } from '../../../../core/errors.js';
import type { Native } from '../../../../platform/ffi/native.js';
import { Epoll } from '../../../../platform/ffi/epoll.js';
import { PipePool } from '../../../../platform/ffi/pipes.js';
import { Sockets } from '../../../../platform/ffi/socket.js';
import { BufferPool } from './buffers.js';
import { Congestion } from './congestion.js';
import type { ConnectionTable } from './connection-table.js';
import { DatagramBatch } from './datagrams.js';
import type { Handover } from './handover.js';
import { Timers, type Timer } from './timers.js';
import { Tls } from './tls-context.js';

/** Larger pipes and buffers were measured to be slower. */
const largestPipe = 1 << 20;
const largestCopy = 256 * 1024;

/** Some microseconds; measured with small requests and with one stream. */
const looksBeforeSleep = 10;

/** Told what happened on a descriptor, as a set of epollEvent. */
export interface Watcher {
  onEvents(events: number): void;
  /** It threw, which is a defect: it is to free what it has. */
  abort?(): void;
}

/** Does a little, and then lets others have their turn. */
export interface Task {
  readonly run: () => void;
  /** As of a Watcher. */
  readonly abort?: () => void;
}

export interface LoopOptions {
  readonly native: Native;
  readonly table: ConnectionTable;
  readonly handover: Handover;
  readonly bufferBytes: number;
  readonly socketBuffer: number;
  readonly idleTimeoutMs: number;
  readonly onDefect: (reason: string) => void;
}

/** One thread's event loop: waits for descriptors, timers and turns, and owns what its connections share. */
export class Loop {
  readonly native: Native;
  readonly table: ConnectionTable;
  readonly handover: Handover;
  /** What a buffer of the pool holds. */
  readonly copyBytes: number;
  readonly socketBuffer: number;
  readonly idleTimeoutMs: number;
  readonly sockets: Sockets;
  readonly congestion: Congestion;
  readonly pipes: PipePool;
  readonly buffers: BufferPool;
  readonly tls: Tls;
  #datagrams: DatagramBatch | undefined;
  /** Milliseconds, taken once for each batch of events. */
  now = performance.now();
  readonly #epoll: Epoll;
  readonly #timers = new Timers();
  /** By descriptor. */
  readonly #watchers: (Watcher | undefined)[] = [];
  readonly #onDefect: (reason: string) => void;
  #turns: Task[] = [];
  /** Closed when all events of a batch have been seen: a number used again within it would get its predecessor's events. */
  #toClose: { fd: number; reset: boolean }[] = [];
  #running = true;

  constructor({ native, table, handover, bufferBytes, socketBuffer, idleTimeoutMs, onDefect }: LoopOptions) {
    this.native = native;
    this.table = table;
    this.handover = handover;
    this.copyBytes = Math.min(bufferBytes, largestCopy);
    this.socketBuffer = socketBuffer;
    this.idleTimeoutMs = idleTimeoutMs;
    this.#onDefect = onDefect;
    this.sockets = new Sockets(native);
    this.congestion = new Congestion(this.sockets);
    this.pipes = new PipePool(native, Math.min(bufferBytes, largestPipe));
    this.buffers = new BufferPool(native, this.copyBytes);
    this.tls = new Tls(native);
    this.#epoll = new Epoll(native);
  }

  /** One for all, as it is used up before anybody else has a turn; made when datagrams are first forwarded. */
  get datagrams(): DatagramBatch {
    return (this.#datagrams ??= new DatagramBatch(this.native));
  }

  /** Throws SystemError when the kernel takes no more. */
  watch(fd: number, events: number, watcher: Watcher): void {
    this.#epoll.add(fd, events);
    this.#watchers[fd] = watcher;
  }

  /** Hears of it no more; the descriptor stays open. */
  unwatch(fd: number): void {
    if (!this.#watchers[fd]) return;
    this.#watchers[fd] = undefined;
    this.#epoll.remove(fd);
  }

  /** `reset`: the peer is to see a broken connection. */
  close(fd: number, reset = false): void {
    // Closing also takes it from what epoll watches.
    this.#watchers[fd] = undefined;
    this.#toClose.push({ fd, reset });
  }

  /** In the next round, after new events have been looked at. */
  soon(task: Task): void {
    this.#turns.push(task);
  }

  after(ms: number, run: () => void): Timer {
    return this.#timers.at(performance.now() + ms, run);
  }

  /** Lets go of what has not been needed lately. */
  trim(): void {
    this.pipes.trim();
    this.buffers.trim();
  }

  /** Until `stop`. */
  run(): void {
    while (this.#running) {
      const timeout = this.#turns.length > 0 ? 0 : this.#timers.timeout(performance.now());
      const count = this.#wait(timeout);
      this.now = performance.now();
      for (let index = 0; index < count; index++) {
        this.#dispatch(this.#epoll.descriptor(index), this.#epoll.events(index));
      }
      this.#timers.runDue(this.now, this.#defect);
      this.#closeAll();
      this.#takeTurns();
      this.#closeAll();
    }
    this.#closeAll();
    this.pipes[Symbol.dispose]();
    this.#epoll[Symbol.dispose]();
  }

  /** Looks a few times before it sleeps: under load, sleeping and being woken costs more than the next event takes to come. */
  #wait(timeoutMs: number): number {
    for (let look = 0; look < looksBeforeSleep && timeoutMs !== 0; look++) {
      const count = this.#epoll.wait(0);
      if (count > 0) return count;
    }
    return this.#epoll.wait(timeoutMs);
  }

  stop(): void {
    this.#running = false;
  }

  #takeTurns(): void {
    if (this.#turns.length === 0) return;
    const tasks = this.#turns;
    this.#turns = [];
    for (const task of tasks) {
      try {
        task.run();
      } catch (error) {
        this.#defect(error, task);
      }
    }
  }

  #closeAll(): void {
    if (this.#toClose.length === 0) return;
    for (const { fd, reset } of this.#toClose.splice(0)) {
      if (reset) this.sockets.reset(fd);
      else this.sockets.close(fd);
    }
  }

  #dispatch(fd: number, events: number): void {
    const watcher = this.#watchers[fd];
    try {
      watcher?.onEvents(events);
    } catch (error) {
      this.#defect(error, watcher);
    }
  }

  /** A defect of ours: what one connection threw must not end the others. */
  readonly #defect = (error: unknown, culprit?: Watcher | Task): void => {
    this.#onDefect(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
    try {
      culprit?.abort?.();
    } catch (another) {
      this.#onDefect(messageOf(another));
    }
  };
}
