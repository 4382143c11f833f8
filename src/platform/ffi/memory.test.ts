import { describe, expect, it } from 'vitest';
import { addressIn, Allocator } from './memory.js';

/** Stands for the library that tells addresses: what the tests need is that they differ. */
const somewhere = (): number => 0x1000;

describe('memory for native code', () => {
  it('lies outside of the heap however small it is', () => {
    const { bytes } = new Allocator(somewhere, false).allocate(8);
    expect(bytes.buffer.byteLength).toBe(8);
    expect(bytes.byteOffset).toBe(0);
  });

  it.each([
    [0, 17],
    [16, 1],
    [-1, 4],
    [4, -1],
    [NaN, 1],
  ])('gives no address for bytes outside: %d, %d', (offset, length) => {
    const memory = new Allocator(somewhere, false).allocate(16);
    expect(() => addressIn(memory, offset, length)).toThrow(RangeError);
    expect(addressIn(memory, 16, 0)).toBe(0x1010);
  });

  it('tells of a write beside it when it is checked', () => {
    const allocator = new Allocator(somewhere, true);
    const { bytes } = allocator.allocate(16);
    allocator.verify('nothing');
    const whole = Buffer.from(bytes.buffer);
    whole[bytes.byteOffset + 16] = 0;
    expect(() => {
      allocator.verify('recv');
    }).toThrow('out of bounds in recv');
  });
});
