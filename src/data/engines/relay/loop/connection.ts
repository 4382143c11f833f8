import { getSystemErrorName } from 'node:util';
import type { Endpoint } from '../../../../core/endpoint.js';
import { formatEndpoint } from '../../../../core/endpoint.js';
import { messageOf } from '../../../../core/errors.js';
import { epollEvent, errno } from '../../../../platform/ffi/constants.js';
import { isShortage } from '../../../../platform/ffi/system-error.js';
import type { ConnectionRow } from './connection-table.js';
import { counter } from './counters.js';
import { Joint } from './joint.js';
import type { Leg } from './leg.js';
import type { Member, Serving } from './serving.js';
import type { Timer } from './timers.js';

const connectTimeoutMs = 10_000;
const handshakeTimeoutMs = 10_000;
/** Both directions, told once for each change. */
const everything = epollEvent.in | epollEvent.out | epollEvent.readHangup | epollEvent.edge;
const hungUp = epollEvent.readHangup | epollEvent.hangup | epollEvent.error;
const gone = epollEvent.hangup | epollEvent.error;

/** One accepted connection on its way: the client proves itself, a target is reached, and both are joined. */
export class Connection implements Member {
  readonly client: Leg;
  target: Leg | undefined;
  readonly #serving: Serving;
  /** Since the client has proven itself: before that it is nobody's connection. */
  #row: ConnectionRow | undefined;
  readonly #address: Endpoint;
  readonly #listener: number;
  #stage: 'greeting' | 'reaching' | 'joined' | 'closed' = 'greeting';
  #candidates: readonly Endpoint[] = [];
  #deadline: Timer | undefined;
  #joint: Joint | undefined;
  /** It has lived for a sweep. */
  #settled = false;
  #lastMoved = 0;
  #silentSince: number;

  /** Owns the descriptor from here on. */
  constructor(serving: Serving, listener: number, fd: number, client: Endpoint) {
    const { loop } = serving;
    this.#serving = serving;
    this.#listener = listener;
    this.#silentSince = loop.now;
    this.client = serving.legFor('listener', fd);
    this.#address = client;
  }

  start(): void {
    const { loop } = this.#serving;
    try {
      loop.watch(this.client.fd, everything, {
        onEvents: (events) => {
          this.#onClient(events);
        },
      });
    } catch {
      this.end(true);
      return;
    }
    if (!this.client.raw) {
      this.#serving.handshakes.begin(this.#listener, this);
      this.#expectWithin(handshakeTimeoutMs, () => {
        this.failHandshake('no answer in time');
      });
    }
    this.#greet();
  }

  /** The peer of the listener did not prove that it has the key. */
  failHandshake(reason: string): void {
    this.#serving.failedHandshake(reason);
    // Not reset, so that what TLS has said about it still arrives.
    this.end(false);
  }

  /** Limits what the kernel sends; bytes per second, 0 for no limit. */
  pace(rate: number): void {
    const { sockets } = this.#serving.loop;
    sockets.setPacing(this.client.fd, rate);
    if (this.target) sockets.setPacing(this.target.fd, rate);
  }

  /** Once a second: measures the leg between the facilities when bytes have moved, ends what was silent for too long. */
  sweep(): void {
    const { loop } = this.#serving;
    this.#settle();
    const moved = this.#joint?.moved ?? 0;
    if (moved !== this.#lastMoved) {
      this.#lastMoved = moved;
      this.#silentSince = loop.now;
      this.#measure();
    } else if (loop.idleTimeoutMs > 0 && loop.now - this.#silentSince >= loop.idleTimeoutMs) {
      this.end(true);
    }
  }

  /** What is not worth its calls for connections that live but a moment. */
  #settle(): void {
    if (this.#settled || !this.target) return;
    this.#settled = true;
    this.#serving.loop.sockets.keepAlive(this.target.fd);
  }

  /** Closes both sides. `broken`: the peers are to see that this was no proper end. */
  end(broken: boolean): void {
    if (this.#stage === 'closed') return;
    if (this.#stage === 'greeting') this.#serving.handshakes.over(this.#listener, this);
    this.#stage = 'closed';
    this.#deadline?.cancel();
    if (this.#settled) this.#measure();
    this.#leave();
    this.#joint?.dispose();
    this.#dropTarget(broken);
    this.client.dispose();
    this.#serving.loop.close(this.client.fd, broken);
  }

  /** Is counted no more. */
  #leave(): void {
    const rttUs = this.#row?.rttUs ?? 0;
    this.#row?.[Symbol.dispose]();
    if (this.#row) this.#serving.count(counter.open, -1);
    this.#serving.forget(this, rttUs);
  }

  #onClient(events: number): void {
    if (events & hungUp) this.client.ended = true;
    if (this.#stage === 'greeting') this.#greet();
    else if (this.#stage === 'joined') this.#joint?.onClient(events);
    else if (events & gone) this.end(true);
  }

  #greet(): void {
    const answer = this.client.handshake();
    if (answer === -errno.EAGAIN) return;
    if (answer < 0) {
      this.failHandshake(this.client.failure);
      return;
    }
    const { loop, handshakes, id } = this.#serving;
    handshakes.over(this.#listener, this);
    this.#deadline?.cancel();
    this.#stage = 'reaching';
    this.#row = loop.table.open(id, this.#listener, this.#address);
    this.#serving.count(counter.open, 1);
    this.#serving.count(counter.total, 1);
    this.#candidates = this.#serving.targetsOf(this.#listener).inTurn(loop.now);
    this.#tryNext();
  }

  #tryNext(): void {
    const [endpoint, ...others] = this.#candidates;
    this.#candidates = others;
    if (!endpoint) {
      this.#refuse();
      return;
    }
    try {
      this.#connect(endpoint);
    } catch (error) {
      if (isShortage(error)) {
        // The target is not to blame, and the next one would fare no better.
        this.#serving.report('connection not accepted', messageOf(error));
        this.#refuse();
      } else {
        this.#missed(endpoint, messageOf(error));
      }
    }
  }

  #refuse(): void {
    this.#serving.count(counter.refused, 1);
    this.end(true);
  }

  #connect(endpoint: Endpoint): void {
    const { loop } = this.#serving;
    const fd = loop.sockets.connect(endpoint);
    try {
      loop.sockets.tune(fd, loop.socketBuffer);
      this.target = this.#serving.legFor('target', fd);
      let connected = false;
      loop.watch(fd, everything, {
        onEvents: (events) => {
          if (this.target && events & hungUp) this.target.ended = true;
          if (this.#stage === 'joined') this.#joint?.onTarget(events);
          else connected = this.#onReaching(endpoint, fd, { events, connected });
        },
      });
    } catch (error) {
      if (this.target) this.#dropTarget(false);
      else loop.close(fd);
      throw error;
    }
    this.#expectWithin(connectTimeoutMs, () => {
      this.#missed(endpoint, 'no answer in time');
    });
  }

  /** True once the target has accepted. */
  #onReaching(endpoint: Endpoint, fd: number, { events, connected }: { events: number; connected: boolean }): boolean {
    if (this.#stage !== 'reaching' || this.target?.fd !== fd) return connected;
    const failure = connected || !(events & gone) ? 0 : this.#serving.loop.sockets.errorOf(fd);
    if (failure !== 0) {
      this.#missed(endpoint, getSystemErrorName(-failure));
      return false;
    }
    const answer = this.target.handshake();
    if (answer > 0) {
      this.#deadline?.cancel();
      this.#join(endpoint, this.target);
    } else if (answer !== -errno.EAGAIN) {
      this.#serving.failedHandshake(this.target.failure);
      this.#missed(endpoint, 'it did not prove the key');
    }
    return true;
  }

  #missed(endpoint: Endpoint, reason: string): void {
    this.#deadline?.cancel();
    this.#dropTarget(true);
    this.#serving.missed(this.#listener, endpoint, `${formatEndpoint(endpoint)}: ${reason}`);
    this.#tryNext();
  }

  #dropTarget(broken: boolean): void {
    if (!this.target) return;
    this.target.dispose();
    this.#serving.loop.close(this.target.fd, broken);
    this.target = undefined;
  }

  #join(endpoint: Endpoint, target: Leg): void {
    if (!this.#row) return;
    this.#stage = 'joined';
    this.#row.reached(endpoint);
    const rate = this.#serving.pacing;
    if (rate > 0) this.pace(rate);
    this.#joint = new Joint(this.#serving, this.client, target, this.#row, (broken) => {
      this.end(broken);
    });
    this.#joint.start();
  }

  #measure(): void {
    const leg = this.#serving.wan === 'listener' ? this.client : this.target;
    const info = leg && this.#row ? this.#serving.loop.sockets.tcpInfo(leg.fd) : undefined;
    if (info && this.#row) this.#serving.measured(this.#row, info);
  }

  #expectWithin(ms: number, giveUp: () => void): void {
    this.#deadline?.cancel();
    this.#deadline = this.#serving.loop.after(ms, giveUp);
  }
}
