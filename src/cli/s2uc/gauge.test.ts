import { describe, expect, it } from 'vitest';
import type { Traffic } from '../../client/session-info.js';
import { Gauge } from './gauge.js';

describe('the rates of sessions', () => {
  it('are told when something has moved, and are a dash while the bytes are not known', () => {
    const gauge = new Gauge();
    const told = (traffic: Traffic): string[] => gauge.lines(new Map([['x', traffic]]));
    expect(told({ bytesIn: 0n, bytesOut: 0n, openConnections: 0n })).toEqual([]);
    expect(told({ bytesIn: 0n, bytesOut: 0n, openConnections: 0n })).toEqual([]);
    expect(told({ bytesIn: 500n, bytesOut: 0n, openConnections: 1n })).toEqual([
      expect.stringMatching(/^x in [\d.]+ k?B\/s, out 0 B\/s, 1 open$/),
    ]);
    expect(told({ openConnections: 1n })).toEqual(['x in -, out -, 1 open']);
    expect(told({ bytesIn: 900n, bytesOut: 7n, openConnections: 0n })).toEqual(['x in -, out -, 0 open']);
  });
});
