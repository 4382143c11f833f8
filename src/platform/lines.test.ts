import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lines } from './lines.js';

function linesOf(pieces: readonly string[]): string[] {
  const told: string[] = [];
  const lines = new Lines((line) => told.push(line));
  for (const piece of pieces) lines.push(piece);
  lines.end();
  return told;
}

describe('lines of a program', () => {
  it('have no white space at their ends, and none is empty', () => {
    expect(linesOf([' one \r\n\n  \ntwo'])).toEqual([' one', 'two']);
  });

  it('are cut where they are longer than 4096 characters', () => {
    const [x, y] = ['x'.repeat(4_096), 'y'.repeat(4_096)];
    expect(linesOf([`${x}\n${x}${y}\n${x}${y}z`])).toEqual([x, x, y, x, y, 'z']);
  });

  it('that never end are handed out before they fill the memory', () => {
    const told: string[] = [];
    const lines = new Lines((line) => told.push(line));
    for (let piece = 0; piece < 100; piece++) lines.push('x'.repeat(1_000));
    expect(told.join('').length).toBeGreaterThan(95_000);
  });

  it('are the same however the text is cut', () => {
    const text = `${'a b\r\n'.repeat(3)}\n${'long '.repeat(2_000)}\n${' '.repeat(9_000)}${'x'.repeat(4_096)}\nend`;
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const pieces = places.slice(1).map((end, index) => text.slice(places[index], end));
        expect(linesOf(pieces)).toEqual(linesOf([text]));
      }),
    );
  });
});
