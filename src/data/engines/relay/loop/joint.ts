import { epollEvent } from '../../../../platform/ffi/constants.js';
import { readable, writable } from '../../../../platform/ffi/epoll.js';
import type { ConnectionRow } from './connection-table.js';
import { counter } from './counters.js';
import { Flow } from './flow.js';
import type { Leg } from './leg.js';
import type { Task } from './loop.js';
import type { Serving } from './serving.js';

/** Two legs joined: a flow in each direction, which end one by one and break together. */
export class Joint {
  readonly #serving: Serving;
  readonly #client: Leg;
  readonly #target: Leg;
  readonly #inward: Lane;
  readonly #outward: Lane;
  /** Called when both directions have ended, or with true when the connection broke. */
  readonly #onEnd: (broken: boolean) => void;
  #over = false;

  constructor(serving: Serving, client: Leg, target: Leg, row: ConnectionRow, onEnd: (broken: boolean) => void) {
    const { loop, counters } = serving;
    this.#serving = serving;
    this.#client = client;
    this.#target = target;
    this.#onEnd = onEnd;
    this.#inward = this.#lane(
      new Flow({
        loop,
        row,
        counters,
        source: client,
        target,
        inward: true,
        budget: serving.budgets.inward,
        counter: counter.bytesIn,
      }),
    );
    this.#outward = this.#lane(
      new Flow({
        loop,
        row,
        counters,
        source: target,
        target: client,
        inward: false,
        budget: serving.budgets.outward,
        counter: counter.bytesOut,
      }),
    );
  }

  /** Bytes of both directions. */
  get moved(): number {
    return this.#inward.flow.moved + this.#outward.flow.moved;
  }

  /** Bytes may be waiting since before the legs were joined. */
  start(): void {
    this.#pump(this.#inward);
    this.#pump(this.#outward);
  }

  onClient(events: number): void {
    this.#onEvents(this.#client, this.#inward, this.#outward, events);
  }

  onTarget(events: number): void {
    this.#onEvents(this.#target, this.#outward, this.#inward, events);
  }

  dispose(): void {
    this.#over = true;
    this.#inward.flow.dispose();
    this.#outward.flow.dispose();
  }

  /** Moves only the directions that the event concerns: looking at both each time was measured to cost a sixth. */
  #onEvents(leg: Leg, reading: Lane, writing: Lane, events: number): void {
    if (events & epollEvent.error) {
      // What has arrived before the failure is still to be had.
      if (reading.flow.waiting === 'source') this.#pump(reading);
      this.#end(true);
      return;
    }
    const mayRead = events & (leg.readNeedsWritable ? readable | writable : readable);
    const mayWrite = events & (leg.writeNeedsReadable ? readable | writable : writable);
    if (mayRead && reading.flow.waiting === 'source') this.#pump(reading);
    if (mayWrite && writing.flow.waiting === 'target') this.#pump(writing);
  }

  #pump(lane: Lane): void {
    if (this.#over) return;
    lane.flow.pump();
    switch (lane.flow.waiting) {
      case 'broken':
        this.#end(true);
        break;
      case 'nothing':
        this.#ended(lane === this.#inward ? this.#outward : this.#inward);
        break;
      case 'turn':
        this.#serving.loop.soon(lane.task);
        break;
      case 'rate':
        lane.flow.budget.wait(lane.flow, lane.task);
        break;
      case 'source':
      case 'target':
        break;
    }
  }

  /** One direction is over; both are when `other` is too. */
  #ended(other: Lane): void {
    other.flow.isLast = true;
    if (other.flow.waiting === 'nothing') this.#end(false);
  }

  #lane(flow: Flow): Lane {
    const lane: Lane = {
      flow,
      task: {
        run: () => {
          this.#pump(lane);
        },
        abort: () => {
          this.#end(true);
        },
      },
    };
    return lane;
  }

  #end(broken: boolean): void {
    if (!this.#over) this.#onEnd(broken);
  }
}

interface Lane {
  readonly flow: Flow;
  /** Goes on with the flow. */
  readonly task: Task;
}
