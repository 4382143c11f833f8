import { errno } from '../../../../platform/ffi/constants.js';
import { broken, everything, hungUp } from '../../../../platform/ffi/epoll.js';
import type { SocketAddress } from '../../../../platform/ffi/socket-address.js';
import type { ConnectionRow } from './connection-table.js';
import { counter } from './counters.js';
import { Dialing, type Dialer } from './dialing.js';
import { Joint } from './joint.js';
import type { Leg } from './leg.js';
import type { Member, Serving } from './serving.js';

const handshakeTimeoutMs = 10_000;

/** One accepted connection on its way: the client proves itself, a target is reached, and both are joined. */
export class Connection implements Member, Dialer {
  readonly #serving: Serving;
  readonly #listener: number;
  readonly #address: SocketAddress;
  readonly #client: Leg;
  #stage: 'greeting' | 'reaching' | 'joined' | 'closed' = 'greeting';
  /** Since the client has proven itself: before that it is nobody's connection. */
  #row: ConnectionRow | undefined;
  #dialing: Dialing | undefined;
  #target: Leg | undefined;
  #joint: Joint | undefined;
  /** It has lived for a sweep. */
  #settled = false;
  #lastMoved = 0;
  #silentSince: number;

  /** Owns the descriptor from here on. */
  constructor(serving: Serving, listener: number, fd: number, client: SocketAddress) {
    this.#serving = serving;
    this.#listener = listener;
    this.#address = client;
    this.#silentSince = serving.loop.now;
    this.#client = serving.legFor('listener', fd);
  }

  start(): void {
    const { loop, handshakes } = this.#serving;
    try {
      loop.watch(this.#client.fd, everything, {
        onEvents: (events) => {
          this.#onClient(events);
        },
        abort: () => {
          this.abort();
        },
      });
    } catch {
      this.end(true);
      return;
    }
    if (!this.#client.raw) handshakes.begin(this.#listener, this);
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
    sockets.setPacing(this.#client.fd, rate);
    if (this.#target) sockets.setPacing(this.#target.fd, rate);
  }

  reached(address: SocketAddress, target: Leg): void {
    const { pacing } = this.#serving;
    this.#stage = 'joined';
    this.#target = target;
    if (!this.#row) return;
    this.#row.reached(address);
    if (pacing > 0) this.pace(pacing);
    this.#joint = new Joint(this.#serving, this.#client, target, this.#row, (broken) => {
      this.end(broken);
    });
    this.#joint.start();
  }

  onTarget(events: number): void {
    this.#joint?.onTarget(events);
  }

  abort(): void {
    this.end(true);
  }

  unreached(): void {
    this.#serving.count(counter.refused, 1);
    this.end(true);
  }

  /** Once a second: ends what takes too long or was silent for too long, measures the leg between the facilities. */
  sweep(): void {
    const { loop } = this.#serving;
    if (this.#stage === 'greeting' && loop.now - this.#silentSince >= handshakeTimeoutMs) {
      this.failHandshake('no answer in time');
      return;
    }
    this.#dialing?.sweep();
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

  /** Closes both sides. `broken`: the peers are to see that this was no proper end. */
  end(broken: boolean): void {
    if (this.#stage === 'closed') return;
    const { loop, handshakes } = this.#serving;
    this.#stage = 'closed';
    handshakes.over(this.#listener, this);
    if (this.#settled) this.#measure();
    this.#leave();
    this.#dialing?.stop();
    this.#joint?.dispose();
    for (const leg of [this.#client, this.#target]) {
      leg?.dispose();
      if (leg) loop.close(leg.fd, broken);
    }
  }

  #onClient(events: number): void {
    if (events & hungUp) this.#client.ended = true;
    if (this.#stage === 'greeting') this.#greet();
    else if (this.#stage === 'joined') this.#joint?.onClient(events);
    else if (events & broken) this.end(true);
  }

  #greet(): void {
    // Among too many that wait, this one may have made place for itself.
    if (this.#stage !== 'greeting') return;
    const answer = this.#client.handshake();
    if (answer === -errno.EAGAIN) return;
    if (answer < 0) {
      this.failHandshake(this.#client.failure);
      return;
    }
    this.#serving.handshakes.over(this.#listener, this);
    this.#enter();
  }

  /** From here on it counts as a connection. */
  #enter(): void {
    const { loop, id } = this.#serving;
    this.#stage = 'reaching';
    this.#row = loop.table.open(id, this.#listener, this.#address);
    this.#serving.count(counter.open, 1);
    this.#serving.count(counter.total, 1);
    this.#dialing = new Dialing(this.#serving, this.#listener, this);
    this.#dialing.start();
  }

  /** Is counted no more. */
  #leave(): void {
    const rttUs = this.#row?.rttUs ?? 0;
    this.#row?.[Symbol.dispose]();
    if (this.#row) this.#serving.count(counter.open, -1);
    this.#serving.forget(this, rttUs);
  }

  /** What is not worth its calls for connections that live but a moment. */
  #settle(): void {
    if (this.#settled || !this.#target) return;
    this.#settled = true;
    this.#serving.loop.sockets.keepAlive(this.#target.fd);
  }

  #measure(): void {
    const leg = this.#serving.wan === 'listener' ? this.#client : this.#target;
    const info = leg && this.#row ? this.#serving.loop.sockets.tcpInfo(leg.fd) : undefined;
    if (info && this.#row) this.#serving.measured(this.#row, info);
  }
}
