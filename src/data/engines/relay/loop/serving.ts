import { formatEndpoint, type Endpoint } from '../../../../core/endpoint.js';
import { Secret } from '../../../../core/secret.js';
import type { SocketAddress } from '../../../../platform/ffi/socket-address.js';
import { Budget } from './budget.js';
import type { ConnectionRow } from './connection-table.js';
import { counter, counterRow } from './counters.js';
import { Handshakes } from './handshakes.js';
import type { Leg } from './leg.js';
import type { Loop } from './loop.js';
import { PlainLeg } from './plain-leg.js';
import type { OpenCommand, Trouble } from './protocol.js';
import { TargetList } from './targets.js';
import type { TlsContext } from './tls-context.js';
import { TlsLeg } from './tls-leg.js';
import { Troubles } from './troubles.js';

/** Of each listener and loop. */
const mostHandshakes = 512;
/** Room above the set rate: the budget is what holds it, pacing only evens it out. */
const pacingRoom = 1.25;

/** A connection or a flow of datagrams. */
export interface Member {
  sweep(): void;
  /** Bytes per second, 0 for no limit. */
  pace(rate: number): void;
  end(broken: boolean): void;
}

export type Side = 'listener' | 'target';

/** What one loop knows of a forwarder: its share of the connections, and what they have in common. */
export class Serving implements Disposable {
  readonly id: number;
  readonly loop: Loop;
  /** The leg between the facilities. */
  readonly wan: Side;
  readonly counters: Float64Array;
  readonly budgets: { readonly inward: Budget; readonly outward: Budget };
  readonly handshakes = new Handshakes(mostHandshakes);
  readonly #members = new Set<Member>();
  readonly #tls: TlsContext | undefined;
  readonly #troubles: Troubles;
  readonly #turns: SharedArrayBuffer;
  #targets: readonly TargetList[] = [];

  constructor(loop: Loop, command: OpenCommand, loopIndex: number, send: (trouble: Trouble) => void) {
    const { forwarder, wan, key, counters, budget, turns, targets } = command;
    this.loop = loop;
    this.id = forwarder;
    this.wan = wan;
    this.counters = counterRow(counters, loopIndex);
    this.budgets = { inward: new Budget(loop, loopIndex, budget, 0), outward: new Budget(loop, loopIndex, budget, 1) };
    this.#tls = key && loop.tls.context(wan === 'listener', new Secret(key));
    this.#troubles = new Troubles(loop, forwarder, send);
    this.#turns = turns;
    this.point(targets);
  }

  /** For new connections. */
  point(targets: readonly (readonly Endpoint[])[]): void {
    this.#targets = targets.map((list, listener) => new TargetList(list, this.#turns, listener));
  }

  /** The budgets know the rate already; open connections are paced anew. */
  paceAll(): void {
    for (const member of this.#members) member.pace(this.pacing);
  }

  /** Bytes per second; 0: no limit. */
  get pacing(): number {
    return this.budgets.inward.rate * pacingRoom;
  }

  targetsOf(listener: number): TargetList {
    return this.#targets[listener] ?? new TargetList([], this.#turns, 0);
  }

  /** How that side of a connection speaks. */
  legFor(side: Side, fd: number): Leg {
    const { native, sockets } = this.loop;
    const encrypted = side === this.wan ? this.#tls : undefined;
    return encrypted ? new TlsLeg(sockets, encrypted, fd) : new PlainLeg(native.libc, sockets, fd);
  }

  count(place: number, change: number): void {
    this.counters[place] = (this.counters[place] ?? 0) + change;
  }

  add(member: Member): void {
    this.#members.add(member);
    this.loop.handover.count(1);
  }

  /** `rttUs`: what was measured of it last. */
  forget(member: Member, rttUs: number): void {
    if (!this.#members.delete(member)) return;
    this.loop.handover.count(-1);
    this.budgets.inward.leave(member);
    this.budgets.outward.leave(member);
    if (rttUs === 0) return;
    this.count(counter.rttSum, -rttUs);
    this.count(counter.rttCount, -1);
  }

  /** Whether the rate allows a datagram now. */
  admit(member: Member, direction: 'inward' | 'outward', bytes: number): boolean {
    return this.budgets[direction].admit(member, bytes);
  }

  measured(row: ConnectionRow, { rttUs, retransmits }: { rttUs: number; retransmits: number }): void {
    if (rttUs === 0) return;
    this.count(counter.retransmits, retransmits - row.retransmits);
    this.count(counter.rttSum, rttUs - row.rttUs);
    if (row.rttUs === 0) this.count(counter.rttCount, 1);
    row.sampled(retransmits, rttUs);
  }

  failedHandshake(reason: string): void {
    this.count(counter.failedHandshakes, 1);
    this.#troubles.report('handshake failed', reason);
  }

  missed(listener: number, target: SocketAddress, reason: string): void {
    this.targetsOf(listener).unreachable(target, this.loop.now);
    this.#troubles.report('target not reached', `${formatEndpoint(target.endpoint)}: ${reason}`);
  }

  report(what: Trouble['what'], detail: string): void {
    this.#troubles.report(what, detail);
  }

  sweep(): void {
    for (const member of this.#members) member.sweep();
  }

  /** Ends all connections. */
  [Symbol.dispose](): void {
    for (const member of this.#members) member.end(true);
    this.#troubles.flush();
    this.#tls?.[Symbol.dispose]();
  }
}
