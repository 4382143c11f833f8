import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogLines } from './log-lines.js';

function frame(stream: 1 | 2, text: string | Buffer): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

function linesOf(chunks: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const reader = new LogLines((line) => lines.push(line));
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return lines;
}

const log = Buffer.concat([
  frame(1, 'starting\nhalf of '),
  frame(2, 'a warning\r\n\n'),
  frame(1, Buffer.from('é', 'utf8').subarray(0, 1)),
  frame(1, Buffer.concat([Buffer.from('é', 'utf8').subarray(1), Buffer.from(' line\nlast')])),
]);

describe("lines of a container's log", () => {
  it('are put together for each stream, without empty ones', () => {
    expect(linesOf([log])).toEqual(['starting', 'a warning', 'half of é line', 'last']);
  });

  it('are the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(log.length), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), log.length];
        const chunks = places.slice(1).map((end, index) => log.subarray(places[index], end));
        expect(linesOf(chunks)).toEqual(linesOf([log]));
      }),
    );
  });

  it('are cut as those of processes are where a program never ends one', () => {
    const lines = linesOf([frame(1, 'x'.repeat(10_000)), frame(1, 'y\n')]);
    expect(lines.map(({ length }) => length)).toEqual([4_096, 4_096, 1_809]);
    expect(lines.join('')).toBe(`${'x'.repeat(10_000)}y`);
  });
});
