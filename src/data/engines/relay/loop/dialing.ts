import { getSystemErrorName } from 'node:util';
import { messageOf } from '../../../../core/errors.js';
import { errno } from '../../../../platform/ffi/constants.js';
import { broken, everything, hungUp } from '../../../../platform/ffi/epoll.js';
import type { SocketAddress } from '../../../../platform/ffi/socket-address.js';
import { isShortage } from '../../../../platform/ffi/system-error.js';
import type { Leg } from './leg.js';
import type { Serving } from './serving.js';

/** For connecting and proving the key together. */
const timeoutMs = 10_000;

/** Whom a dialing tells. */
export interface Dialer {
  /** The leg is the dialer's from here on, with its events. */
  reached(target: SocketAddress, leg: Leg): void;
  onTarget(events: number): void;
  /** None of the targets could be reached. */
  unreached(): void;
  /** A defect: everything is to be freed. */
  abort(): void;
}

/** The way from a listener to the first of its targets that answers. */
export class Dialing {
  readonly #serving: Serving;
  readonly #listener: number;
  readonly #dialer: Dialer;
  #candidates: readonly SocketAddress[];
  #target: SocketAddress | undefined;
  #leg: Leg | undefined;
  #connected = false;
  /** When the target was turned to, by the loop's clock. */
  #since = 0;

  constructor(serving: Serving, listener: number, dialer: Dialer) {
    this.#serving = serving;
    this.#listener = listener;
    this.#dialer = dialer;
    this.#candidates = serving.targetsOf(listener).inTurn(serving.loop.now);
  }

  start(): void {
    const [target, ...others] = this.#candidates;
    this.#candidates = others;
    if (!target) {
      this.#dialer.unreached();
      return;
    }
    try {
      this.#connect(target);
    } catch (error) {
      if (isShortage(error)) this.#short(messageOf(error));
      else this.#missed(target, messageOf(error));
    }
  }

  /** Now and then: turns to the next target when this one takes too long. */
  sweep(): void {
    if (!this.#leg || !this.#target || this.#serving.loop.now - this.#since < timeoutMs) return;
    if (this.#connected) this.#serving.failedHandshake('no answer in time');
    this.#missed(this.#target, 'no answer in time');
  }

  /** Gives up; frees what it has. */
  stop(): void {
    this.#candidates = [];
    this.#drop();
  }

  /** The target is not to blame, and the next one would fare no better. */
  #short(reason: string): void {
    this.#drop();
    this.#serving.report('connection not accepted', reason);
    this.#dialer.unreached();
  }

  #connect(target: SocketAddress): void {
    const { loop } = this.#serving;
    const fd = loop.sockets.connect(target, loop.congestion.first);
    const leg = this.#legFor(fd);
    this.#leg = leg;
    this.#target = target;
    this.#connected = false;
    this.#since = loop.now;
    loop.sockets.tune(fd, loop.socketBuffer);
    loop.watch(fd, everything, {
      onEvents: (events) => {
        if (events & hungUp) leg.ended = true;
        if (leg === this.#leg) this.#onEvents(target, leg, events);
        else this.#dialer.onTarget(events);
      },
      abort: () => {
        this.#dialer.abort();
      },
    });
  }

  /** Owns the descriptor also when there is no memory for a leg. */
  #legFor(fd: number): Leg {
    try {
      return this.#serving.legFor('target', fd);
    } catch (error) {
      this.#serving.loop.close(fd, true);
      throw error;
    }
  }

  #onEvents(target: SocketAddress, leg: Leg, events: number): void {
    const failure = !this.#connected && events & broken ? this.#serving.loop.sockets.errorOf(leg.fd) : 0;
    if (failure !== 0) {
      this.#missed(target, getSystemErrorName(-failure));
      return;
    }
    this.#connected = true;
    const answer = leg.handshake();
    if (answer > 0) {
      this.#leg = undefined;
      this.#dialer.reached(target, leg);
    } else if (answer !== -errno.EAGAIN) {
      this.#serving.failedHandshake(leg.failure);
      this.#missed(target, 'it did not prove the key');
    }
  }

  #missed(target: SocketAddress, reason: string): void {
    this.#drop();
    this.#serving.missed(this.#listener, target, reason);
    this.start();
  }

  #drop(): void {
    if (!this.#leg) return;
    this.#leg.dispose();
    this.#serving.loop.close(this.#leg.fd, true);
    this.#leg = undefined;
  }
}
