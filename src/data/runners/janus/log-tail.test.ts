import { expect, it } from 'vitest';
import { LogTail } from './log-tail.js';

const at = (fraction: string, text: string): string => `2026-02-03T04:05:06.${fraction}Z ${text}\r\n`;

it('shows each line once, however much answers overlap', () => {
  const tail = new LogTail();
  const first = at('000000001', 'one') + at('000000002', 'two');
  expect(tail.fresh(first)).toEqual(['one', 'two']);
  expect(tail.since).toBe(Date.parse('2026-02-03T04:05:06Z') / 1000);
  expect(tail.fresh(first + at('100000000', 'three'))).toEqual(['three']);
  expect(tail.fresh('')).toEqual([]);
});

it('keeps lines of one moment that come in one answer', () => {
  expect(new LogTail().fresh(at('5', 'one') + at('5', 'two'))).toEqual(['one', 'two']);
});

it('works with lines that have no time, and without terminal controls', () => {
  const tail = new LogTail();
  expect(tail.fresh('\u001b[1mone\n')).toEqual(['[1mone']);
  expect(tail.fresh('\u001b[1mone\ntwo\n')).toEqual(['two']);
});
