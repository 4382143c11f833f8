import { show } from './endpoint.js';
import { SciStreamError } from './errors.js';

const second = 1000;
const durations: Record<string, number> = { ms: 1, s: second, m: 60 * second, h: 3600 * second, d: 86_400 * second };
const longest = 365 * 86_400 * second;

/** Bytes per second for one unit; a bare number is v1's kB/s. */
const rates: Record<string, number> = {
  '': 1e3,
  'B/s': 1,
  'kB/s': 1e3,
  'MB/s': 1e6,
  'GB/s': 1e9,
  bps: 1 / 8,
  kbps: 1e3 / 8,
  Mbps: 1e6 / 8,
  Gbps: 1e9 / 8,
};
const rateUnits = new Map(Object.entries(rates).map(([unit, factor]) => [unit.toLowerCase(), factor]));

/** `500ms`, `30s`, `15m`, `12h`, `7d`, or bare seconds; milliseconds, above 0 and at most a year. */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^([0-9]+(?:\.[0-9]+)?)([a-z]*)$/.exec(text.trim()) ?? [];
  const factor = durations[unit === '' ? 's' : (unit ?? '')];
  const ms = factor === undefined ? NaN : Math.round(Number(amount) * factor);
  if (!(ms > 0 && ms <= longest)) {
    throw new SciStreamError('BAD_FORMAT', `${show(text)} is not a duration; write 30s, 15m, 12h or 7d, at most 365d.`);
  }
  return ms;
}

/** As `parseDuration` takes it, in the largest unit that keeps it whole. Whole milliseconds above 0. */
export function formatDuration(ms: number): string {
  const [unit, factor] = Object.entries(durations).findLast(([, factor]) => ms % factor === 0) ?? ['ms', 1];
  return `${ms / factor}${unit}`;
}

/** `20MB/s`, `2.5Gbps`, or a bare number of kB/s as in v1; whole bytes per second, 0 for no limit. */
export function parseRate(text: string): number {
  const [, amount, unit] = /^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z/]*)$/.exec(text.trim()) ?? [];
  const factor = rateUnits.get((unit ?? '?').toLowerCase());
  const rate = factor === undefined ? NaN : Math.round(Number(amount) * factor);
  if (!Number.isSafeInteger(rate)) {
    throw new SciStreamError('BAD_FORMAT', `${show(text)} is not a rate; write 20MB/s, 2.5Gbps or a number of kB/s.`);
  }
  return rate;
}

const sizes = new Map(
  Object.entries({
    '': 1,
    b: 1,
    kb: 1e3,
    mb: 1e6,
    gb: 1e9,
    k: 1024,
    m: 1024 ** 2,
    kib: 1024,
    mib: 1024 ** 2,
    gib: 1024 ** 3,
  }),
);

/** `256KiB`, `1MiB`, `4MB`, or bare bytes; whole bytes from 0 to 2^30. */
export function parseSize(text: string): number {
  const [, amount, unit] = /^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)$/.exec(text.trim()) ?? [];
  const bytes = Math.round(Number(amount) * (sizes.get((unit ?? '?').toLowerCase()) ?? NaN));
  if (!(bytes >= 0 && bytes <= 1024 ** 3)) {
    throw new SciStreamError('BAD_FORMAT', `${show(text)} is not a size; write 256KiB, 1MiB or bytes, at most 1GiB.`);
  }
  return bytes;
}
