import { show } from './endpoint.js';
import { SciStreamError } from './errors.js';

/** The ports a data server may listen on: a closed interval, or whatever the system hands out. */
export type PortRange =
  { readonly kind: 'range'; readonly first: number; readonly last: number } | { readonly kind: 'system' };

/** How many listeners one gateway node holds when the system chooses the ports. */
const systemCapacity = 1024;

/** `5100-5200`, `5100`, or `0` to let the system choose. */
export function parsePortRange(text: string): PortRange {
  if (text === '0') return { kind: 'system' };
  const [, low, high] = /^([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?$/.exec(text) ?? [];
  const first = Number(low);
  const last = Number(high ?? low);
  if (low === undefined || last > 65535 || first > last) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `${show(text)} is not a port range; write 5100-5200 with ports from 1 to 65535, or 0 to let the system choose.`,
    );
  }
  return { kind: 'range', first, last };
}

export function formatPortRange(range: PortRange): string {
  return range.kind === 'system' ? '0' : `${range.first}-${range.last}`;
}

/** The largest number of ports that can be in use at once. */
export function capacityOf(range: PortRange): number {
  return range.kind === 'system' ? systemCapacity : range.last - range.first + 1;
}

export function inRange(range: PortRange, port: number): boolean {
  return range.kind === 'system' ? port >= 1024 && port <= 65535 : port >= range.first && port <= range.last;
}
