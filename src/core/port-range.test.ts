import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capacityOf, formatPortRange, inRange, parsePortRange } from './port-range.js';

describe('port range', () => {
  it('reads back every range it writes, with as many ports as lie in it', () => {
    const bounds = fc.tuple(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 1, max: 65535 }));
    fc.assert(
      fc.property(bounds, fc.integer({ min: 1, max: 65535 }), ([a, b], port) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        const range = parsePortRange(`${first}-${last}`);
        expect(parsePortRange(formatPortRange(range))).toEqual(range);
        expect(capacityOf(range)).toBe(last - first + 1);
        expect(inRange(range, port)).toBe(first <= port && port <= last);
      }),
    );
  });

  it('is one port, or the choice of the system', () => {
    expect(parsePortRange('5100')).toEqual({ kind: 'range', first: 5100, last: 5100 });
    expect(parsePortRange('0')).toEqual({ kind: 'system' });
  });

  it.each(['', '5200-5100', '0-10', '1-65536', '5100-', '-5100', '5100-5200-5300', '5100 5200', 'http', '05100'])(
    'refuses %j',
    (text) => {
      expect(() => parsePortRange(text)).toThrow(expect.objectContaining({ code: 'BAD_FORMAT' }) as Error);
    },
  );
});
