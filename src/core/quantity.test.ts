import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration, parseRate } from './quantity.js';

describe('quantities', () => {
  it.each([
    ['250ms', 250],
    ['30', 30_000],
    ['1.5m', 90_000],
    ['12h', 43_200_000],
    ['7d', 604_800_000],
  ])('duration %s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['250ms', '30s', '90m', '36h', '7d'])('writes the duration %s in its largest unit', (text) => {
    expect(formatDuration(parseDuration(text))).toBe(text);
  });

  it.each(['', '0', '-1s', '1w', '1h30m', '366d', 'soon', '1e3s'])('refuses the duration %j', (text) => {
    expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'BAD_FORMAT' }) as Error);
  });

  it.each([
    ['10000', 10_000_000],
    ['20MB/s', 20_000_000],
    ['2.5Gbps', 312_500_000],
    ['2.5 gbps', 312_500_000],
    ['0', 0],
    ['8bps', 1],
  ])('rate %s is %d bytes per second', (text, rate) => {
    expect(parseRate(text)).toBe(rate);
  });

  it.each(['', '-1', 'fast', '10 Mb', '1MB', 'Infinity', '9e99', '99999999999999999GB/s'])(
    'refuses the rate %j',
    (text) => {
      expect(() => parseRate(text)).toThrow(expect.objectContaining({ code: 'BAD_FORMAT' }) as Error);
    },
  );
});
