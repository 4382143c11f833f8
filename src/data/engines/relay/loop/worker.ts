import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../../../core/errors.js';
import { epollEvent } from '../../../../platform/ffi/constants.js';
import { loadNative } from '../../../../platform/ffi/native.js';
import { Alarm } from '../../../../platform/ffi/wakeup.js';
import { ConnectionTable } from './connection-table.js';
import { Handover, type Handed } from './handover.js';
import { Listener, serve } from './listener.js';
import { Loop } from './loop.js';
import type { Command, OpenCommand, Report, WorkerOptions } from './protocol.js';
import { Serving } from './serving.js';
import { UdpListener } from './udp-listener.js';

const sweepMs = 1_000;

interface Open {
  readonly serving: Serving;
  readonly listeners: readonly Disposable[];
}

/** The body of a loop's thread: obeys the agent's thread until it is told to stop. */
class Worker {
  readonly #index: number;
  readonly #loop: Loop;
  readonly #alarm: Alarm;
  readonly #open = new Map<number, Open>();
  readonly #receive: () => Command | undefined;
  readonly #send: (report: Report) => void;

  constructor(
    index: number,
    loop: Loop,
    alarm: Alarm,
    channel: { receive: () => Command | undefined; send: (report: Report) => void },
  ) {
    this.#index = index;
    this.#loop = loop;
    this.#alarm = alarm;
    this.#receive = channel.receive;
    this.#send = channel.send;
    loop.watch(alarm.fd, epollEvent.in, {
      onEvents: () => {
        this.#obey();
      },
    });
  }

  run(): void {
    this.#sweepLater();
    this.#send({ kind: 'ready' });
    this.#loop.run();
  }

  #obey(): void {
    this.#alarm.acknowledge();
    for (let command = this.#receive(); command; command = this.#receive()) this.#do(command);
    for (const handed of this.#loop.handover.taken()) this.#take(handed);
  }

  /** A connection that another loop has accepted for this one. */
  #take({ forwarder, listener, fd }: Handed): void {
    const open = this.#open.get(forwarder);
    const client = this.#loop.sockets.peerOf(fd);
    if (open && client) serve(open.serving, listener, fd, client);
    else this.#loop.close(fd, true);
  }

  #do(command: Command): void {
    switch (command.kind) {
      case 'open':
        this.#start(command);
        break;
      case 'point':
        this.#open.get(command.forwarder)?.serving.point(command.targets);
        break;
      case 'limit':
        this.#open.get(command.forwarder)?.serving.paceAll();
        break;
      case 'close':
        this.#close(command.forwarder);
        break;
      case 'stop':
        for (const forwarder of [...this.#open.keys()]) this.#close(forwarder);
        this.#loop.stop();
        break;
    }
  }

  #start(command: OpenCommand): void {
    const { forwarder } = command;
    try {
      const serving = new Serving(this.#loop, command, this.#index, this.#send);
      const listeners: Disposable[] = [];
      this.#open.set(forwarder, { serving, listeners });
      for (const [index, fd] of command.listeners.entries()) {
        if (fd < 0) continue;
        listeners.push(
          command.transport === 'udp' ? new UdpListener(serving, index, fd) : new Listener(serving, index, fd),
        );
      }
      this.#send({ kind: 'done', forwarder });
    } catch (error) {
      this.#send({ kind: 'done', forwarder, failure: messageOf(error) });
    }
  }

  #close(forwarder: number): void {
    const open = this.#open.get(forwarder);
    this.#open.delete(forwarder);
    for (const listener of open?.listeners ?? []) listener[Symbol.dispose]();
    open?.serving[Symbol.dispose]();
    // When the answer comes, the descriptors are closed.
    this.#loop.soon({
      run: () => {
        this.#send({ kind: 'done', forwarder });
      },
    });
  }

  #sweepLater(): void {
    this.#loop.after(sweepMs, () => {
      for (const { serving } of this.#open.values()) serving.sweep();
      this.#loop.trim();
      this.#sweepLater();
    });
  }
}

async function main(options: WorkerOptions): Promise<void> {
  const port = parentPort;
  const native = await loadNative(options.debugMemory);
  if (!port || !native) throw new Error('a loop needs native functions and a thread of its own');
  const send = (report: Report): void => {
    port.postMessage(report);
  };
  const receive = (): Command | undefined => {
    const received: { message: Command } | undefined = receiveMessageOnPort(port);
    return received?.message;
  };
  const onDefect = (detail: string): void => {
    send({ kind: 'defect', detail });
  };
  const handover = new Handover(native, options.index, options.crew);
  const loop = new Loop({ ...options, native, handover, table: new ConnectionTable(options.table), onDefect });
  const wakeup = options.crew.wakeups[options.index] ?? -1;
  new Worker(options.index, loop, new Alarm(native, wakeup), { receive, send }).run();
  port.close();
}

await main(workerData as WorkerOptions);
