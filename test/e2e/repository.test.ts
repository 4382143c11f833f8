import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { Program } from '../support/program.js';

describe('the repository', () => {
  it('S12 holds no private key: the tests make their own', async () => {
    const { stdout, code } = await new Program('git', ['ls-files']).finished;
    expect(code).toBe(0);
    const files = stdout.trim().split('\n');
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((file) => /\.(key|pem|p12|pfx)$|id_(rsa|ed25519)/.test(file))).toEqual([]);
    // Spelled so that this file is not found by itself.
    const header = new RegExp(['-----BEGIN', '[A-Z ]*PRIVATE', 'KEY-----'].join(' ?'));
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    expect(files.filter((_, index) => header.test(texts[index] ?? ''))).toEqual([]);
  });
});
