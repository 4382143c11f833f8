import { describe, expect, it } from 'vitest';
import { Pool } from './pool.js';

function filled(items: readonly string[]): { pool: Pool<string>; freed: string[] } {
  const freed: string[] = [];
  const pool = new Pool<string>(3, (item) => freed.push(item));
  for (const item of items) pool.give(item);
  return { pool, freed };
}

describe('a pool', () => {
  it('gives what it was given, and frees what is too much', () => {
    const { pool, freed } = filled(['a', 'b', 'c', 'd']);
    expect(freed).toEqual(['d']);
    expect([pool.take(), pool.take(), pool.take(), pool.take()]).toEqual(['c', 'b', 'a', undefined]);
  });

  it('lets go of what was not needed between two trims, and of nothing else', () => {
    const { pool, freed } = filled(['a', 'b', 'c']);
    pool.trim();
    expect(freed).toEqual([]);
    const borrowed = [pool.take(), pool.take()];
    for (const item of borrowed) pool.give(item ?? '');
    pool.trim();
    expect(freed).toEqual(['a']);
    pool.trim();
    expect(freed).toHaveLength(3);
    expect(pool.take()).toBeUndefined();
  });
});
