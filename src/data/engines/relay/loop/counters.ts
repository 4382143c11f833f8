import type { Counters, ForwarderOptions } from '../../engine.js';

/** Places in a row of counters. */
export const counter = {
  bytesIn: 0,
  bytesOut: 1,
  open: 2,
  total: 3,
  refused: 4,
  failedHandshakes: 5,
  retransmits: 6,
  /** Sum and number of the round trips of open connections. */
  rttSum: 7,
  rttCount: 8,
  dropped: 9,
} as const;

/** A row fills two cache lines, so that two loops never write to the same one. */
const rowLength = 16;
const rowBytes = rowLength * Float64Array.BYTES_PER_ELEMENT;

/** Counters of one forwarder, a row for each loop: written by that loop only, read by anybody at any time. */
export function newCounters(loops: number): SharedArrayBuffer {
  return new SharedArrayBuffer(loops * rowBytes);
}

export function counterRow(counters: SharedArrayBuffer, loop: number): Float64Array {
  return new Float64Array(counters, loop * rowBytes, rowLength);
}

export function readCounters(
  counters: SharedArrayBuffer,
  { transport }: Pick<ForwarderOptions, 'transport'>,
): Counters {
  const all = new Float64Array(counters);
  const sum = (place: number): number => {
    let total = 0;
    for (let index = place; index < all.length; index += rowLength) total += all[index] ?? 0;
    return total;
  };
  const rttCount = sum(counter.rttCount);
  const common = {
    bytesIn: sum(counter.bytesIn),
    bytesOut: sum(counter.bytesOut),
    openConnections: sum(counter.open),
    totalConnections: sum(counter.total),
  };
  if (transport === 'udp') return { ...common, droppedDatagrams: sum(counter.dropped) };
  return {
    ...common,
    refusedConnections: sum(counter.refused),
    failedHandshakes: sum(counter.failedHandshakes),
    retransmits: sum(counter.retransmits),
    ...(rttCount > 0 ? { rttUs: Math.round(sum(counter.rttSum) / rttCount) } : {}),
  };
}
