import { Worker } from 'node:worker_threads';
import { Deferred } from '../../../../core/deferred.js';
import { SciStreamError } from '../../../../core/errors.js';
import type { Wakeup } from '../../../../platform/ffi/wakeup.js';
import type { EngineSettings } from '../../engine.js';
import { newConnectionTable } from './connection-table.js';
import type { Crew } from './handover.js';
import type { Command, OpenCommand, Report, Trouble, WorkerOptions } from './protocol.js';

/** Bundled beside the programs; run from its source, the engine uses the one that was built. */
const workerFile = import.meta.url.endsWith('.ts')
  ? new URL('../../../../../dist/cli/relay-worker.js', import.meta.url)
  : new URL('relay-worker.js', import.meta.url);

/** More connections than any loop has. */
const busiest = 1 << 30;

/** Of one loop among those of its engine. */
export interface Place {
  readonly index: number;
  readonly wakeup: Wakeup;
  readonly crew: Crew;
}

/** A thread with an event loop of its own, as the agent's thread sees it. */
export class LoopThread implements AsyncDisposable {
  readonly table = newConnectionTable();
  readonly #worker: Worker;
  readonly #wakeup: Wakeup;
  readonly #ready = new Deferred<void>();
  readonly #exited = new Deferred<void>();
  readonly #waiting = new Map<number, Deferred<void>>();
  readonly #onTrouble: (trouble: Trouble) => void;
  readonly #settings: EngineSettings;
  readonly #loads: Int32Array;
  readonly #index: number;
  #stopping = false;
  #failure: SciStreamError | undefined;

  private constructor({ index, wakeup, crew }: Place, settings: EngineSettings, onTrouble: (trouble: Trouble) => void) {
    const { bufferSize, socketBuffer, idleTimeoutMs, debugMemory = false } = settings;
    this.#onTrouble = onTrouble;
    this.#settings = settings;
    this.#wakeup = wakeup;
    this.#loads = new Int32Array(crew.loads);
    this.#index = index;
    const workerData: WorkerOptions = {
      ...{ index, crew, table: this.table },
      ...{ bufferBytes: bufferSize, socketBuffer, idleTimeoutMs, debugMemory },
    };
    this.#worker = new Worker(workerFile, { workerData, name: `relay-${index}` });
    this.#worker.on('message', (report: Report) => {
      this.#hear(report);
    });
    this.#worker.on('error', (error) => {
      this.#fail(error);
    });
    this.#worker.once('exit', () => {
      this.#fail(new Error('it has ended'));
      this.#exited.resolve();
    });
  }

  /** Waits until the loop runs. Throws SERVER_ERR when it cannot. */
  static async start(
    place: Place,
    settings: EngineSettings,
    onTrouble: (trouble: Trouble) => void,
  ): Promise<LoopThread> {
    const thread = new LoopThread(place, settings, onTrouble);
    try {
      await thread.#ready.promise;
      return thread;
    } catch (error) {
      await thread[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Resolves when the loop serves the forwarder. */
  open(command: OpenCommand): Promise<void> {
    return this.#ask(command, command.forwarder);
  }

  /** Resolves when the loop has closed all connections of the forwarder. */
  close(forwarder: number): Promise<void> {
    return this.#ask({ kind: 'close', forwarder }, forwarder);
  }

  tell(command: Command): void {
    this.#worker.postMessage(command);
    this.#wakeup.ring();
  }

  /** Ends the thread and all connections on it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.tell({ kind: 'stop' });
    await this.#exited.promise;
  }

  #ask(command: Command, forwarder: number): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    const answer = new Deferred<void>();
    this.#waiting.set(forwarder, answer);
    this.tell(command);
    return answer.promise;
  }

  #hear(report: Report): void {
    switch (report.kind) {
      case 'ready':
        this.#ready.resolve();
        break;
      case 'done':
        this.#answer(report.forwarder, report.failure);
        break;
      case 'trouble':
        this.#onTrouble(report);
        break;
      case 'defect':
        this.#settings.logger.error({ detail: report.detail }, 'a connection was lost by a defect');
        break;
    }
  }

  #answer(forwarder: number, failure: string | undefined): void {
    const waiting = this.#waiting.get(forwarder);
    this.#waiting.delete(forwarder);
    if (failure === undefined) waiting?.resolve();
    else waiting?.reject(new SciStreamError('SERVER_ERR', `The relay could not listen: ${failure}`));
  }

  /** Whoever waits hears of it; later questions fail at once. */
  #fail(cause: unknown): void {
    if (!this.#failure && !this.#stopping) {
      this.#settings.logger.error(
        { reason: String(cause) },
        'a thread of the relay has ended; restart the data server',
      );
      // So that no other loop hands it connections.
      Atomics.store(this.#loads, this.#index, busiest);
    }
    this.#failure ??= new SciStreamError('SERVER_ERR', `A thread of the relay has ended: ${String(cause)}`, { cause });
    this.#ready.reject(this.#failure);
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#waiting.clear();
  }
}
