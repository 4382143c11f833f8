import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDir } from '../../test/support/facility.js';
import { machineMark } from './machine.js';

describe('the mark of a machine', () => {
  it('tells it from others, is always the same and does not show its id', async () => {
    const dir = await temporaryDir();
    const marks = await Promise.all(
      ['a', 'b', 'a'].map(async (digit, index) => {
        const file = path.join(dir, String(index));
        await writeFile(file, `${digit.repeat(32)}\n`);
        return machineMark(file);
      }),
    );
    expect(marks[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(marks[0]).not.toContain('aaaa');
    expect(marks[1]).not.toBe(marks[0]);
    expect(marks[2]).toBe(marks[0]);
  });

  it('is empty where the system has no id yet, or none at all', async () => {
    const file = path.join(await temporaryDir(), 'machine-id');
    expect(await machineMark(file)).toBe('');
    await writeFile(file, 'uninitialized\n');
    expect(await machineMark(file)).toBe('');
  });
});
