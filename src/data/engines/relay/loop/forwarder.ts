import type { Endpoint } from '../../../../core/endpoint.js';
import { Scope } from '../../../../core/scope.js';
import { Bursts } from '../../../../observe/bursts.js';
import type { ConnectionInfo, Counters, Forwarder, ForwarderOptions, Targets } from '../../engine.js';
import { newBudget, setRate } from './budget.js';
import { readConnections } from './connection-table.js';
import { newCounters, readCounters } from './counters.js';
import type { LoopEngine } from './engine.js';
import type { OpenCommand, Trouble } from './protocol.js';
import { ResolvedTargets } from '../../resolved-targets.js';
import { listenError } from '../listen-error.js';
import { newTurns } from './targets.js';

/** A forwarder whose connections are spread over the threads of the engine. */
export class LoopForwarder implements Forwarder {
  readonly #engine: LoopEngine;
  readonly #id: number;
  readonly #options: ForwarderOptions;
  readonly #counters: SharedArrayBuffer;
  readonly #budget: SharedArrayBuffer;
  readonly #turns: SharedArrayBuffer;
  readonly #scope = new Scope();
  readonly #troubles = new Map<Trouble['what'], Bursts<Trouble>>();
  #targets: ResolvedTargets | undefined;

  constructor(engine: LoopEngine, id: number, options: ForwarderOptions, onEnd: () => void) {
    this.#engine = engine;
    this.#id = id;
    this.#options = options;
    this.#counters = newCounters(engine.threads.length);
    this.#budget = newBudget(options.maxRate, engine.threads.length);
    this.#turns = newTurns(options.listeners.length);
    this.#scope.defer(onEnd);
  }

  async update(targets: readonly Targets[]): Promise<void> {
    const resolved = await ResolvedTargets.resolve(targets, (addresses) => {
      this.#tell({ kind: 'point', forwarder: this.#id, targets: addresses });
    });
    if (this.#targets) this.#tell({ kind: 'point', forwarder: this.#id, targets: resolved.addresses });
    else await this.#open(resolved.addresses);
    this.#targets?.[Symbol.dispose]();
    this.#targets = resolved;
    resolved.keepFresh(this.#options.logger);
  }

  async limit(maxRate: number): Promise<void> {
    setRate(this.#budget, maxRate);
    this.#tell({ kind: 'limit', forwarder: this.#id });
    return Promise.resolve();
  }

  counters(): Counters {
    return readCounters(this.#counters, this.#options);
  }

  connections(): readonly ConnectionInfo[] {
    return this.#engine.threads.flatMap(({ table }) => readConnections(table, this.#id, this.#options.listeners));
  }

  /** Its connections had trouble: one line for each burst of a kind. */
  hear(trouble: Trouble): void {
    const { logger } = this.#options;
    const bursts =
      this.#troubles.get(trouble.what) ??
      new Bursts<Trouble>(({ what, detail }, leftOut) => {
        logger.warn({ detail, ...(leftOut > 0 ? { andMore: leftOut } : {}) }, what);
      });
    this.#troubles.set(trouble.what, bursts);
    bursts.add(trouble, trouble.times);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#targets?.[Symbol.dispose]();
    await this.#scope[Symbol.asyncDispose]();
    for (const bursts of this.#troubles.values()) bursts[Symbol.dispose]();
  }

  #tell(command: Parameters<LoopEngine['threads'][number]['tell']>[0]): void {
    for (const thread of this.#engine.threads) thread.tell(command);
  }

  /** All listeners or none. */
  async #open(targets: readonly (readonly Endpoint[])[]): Promise<void> {
    const opening = new Scope();
    try {
      const listeners = this.#options.listeners.map((listener) => this.#listen(listener, opening));
      opening.defer(() => this.#closeEverywhere());
      const command = this.#command(listeners, targets);
      const outcomes = await Promise.allSettled(
        this.#engine.threads.map((thread, index) =>
          thread.open({ ...command, listeners: this.#shareOf(index, listeners) }),
        ),
      );
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    } catch (error) {
      await opening[Symbol.asyncDispose]();
      throw error;
    }
    this.#scope.use(opening);
  }

  #command(listeners: readonly number[], targets: readonly (readonly Endpoint[])[]): OpenCommand {
    const { role, transport, protection } = this.#options;
    return {
      ...{ kind: 'open', forwarder: this.#id, transport, listeners, targets },
      wan: role === 'PROD' ? 'listener' : 'target',
      ...(protection.kind === 'none' ? {} : { key: protection.key.expose() }),
      counters: this.#counters,
      budget: this.#budget,
      turns: this.#turns,
    };
  }

  /** Connections of TCP go to whichever loop is free; the datagrams of one listener all go to the same. */
  #shareOf(index: number, listeners: readonly number[]): readonly number[] {
    if (this.#options.transport === 'tcp') return listeners;
    const { length } = this.#engine.threads;
    return listeners.map((fd, listener) => ((this.#id + listener) % length === index ? fd : -1));
  }

  #listen(at: Endpoint, scope: Scope): number {
    const { sockets, congestion, settings } = this.#engine;
    try {
      const fd =
        this.#options.transport === 'udp'
          ? sockets.datagrams(at, settings.socketBuffer)
          : sockets.listen(at, settings.socketBuffer, congestion.first);
      scope.defer(() => {
        sockets.close(fd);
      });
      return fd;
    } catch (error) {
      throw listenError(at, error);
    }
  }

  /** Nothing can be asked of a thread that has ended. */
  async #closeEverywhere(): Promise<void> {
    await Promise.allSettled(this.#engine.threads.map((thread) => thread.close(this.#id)));
  }
}
