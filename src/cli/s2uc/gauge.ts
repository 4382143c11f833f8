import type { Traffic } from '../../client/session-info.js';
import { bytes } from '../output.js';

/** Makes rates of counters, and silence of what does not move. */
export class Gauge {
  #before: ReadonlyMap<string, Traffic> = new Map();
  #at = performance.now();

  lines(traffic: ReadonlyMap<string, Traffic>): string[] {
    const now = performance.now();
    const seconds = (now - this.#at) / 1000;
    const before = this.#before;
    this.#before = traffic;
    this.#at = now;
    return [...traffic].flatMap(([uid, counters]) => {
      const last = before.get(uid);
      if (!last || !hasMoved(last, counters)) return [];
      const into = perSecond(last.bytesIn, counters.bytesIn, seconds);
      const back = perSecond(last.bytesOut, counters.bytesOut, seconds);
      return [`${uid} in ${into}, out ${back}, ${counters.openConnections ?? '-'} open`];
    });
  }
}

function hasMoved(last: Traffic, { bytesIn, bytesOut, openConnections }: Traffic): boolean {
  return bytesIn !== last.bytesIn || bytesOut !== last.bytesOut || openConnections !== last.openConnections;
}

/** A dash unless both are known: what came in between would look as if it had come at once. */
function perSecond(before: bigint | undefined, now: bigint | undefined, seconds: number): string {
  if (before === undefined || now === undefined) return '-';
  return `${bytes(BigInt(Math.round(Number(now - before) / Math.max(seconds, 0.001))))}/s`;
}
