import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createUid, parseLabels, parseRole, parseUid } from './identity.js';

describe('identity', () => {
  it('S3 takes uids of 1 to 64 harmless characters and no others', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        const good = /^[A-Za-z0-9._-]{1,64}$/.test(text) && !text.includes('\n');
        if (good) expect(parseUid(text)).toBe(text);
        else expect(() => parseUid(text)).toThrow(expect.objectContaining({ code: 'BAD_FORMAT' }) as Error);
      }),
    );
    for (const text of ['', '../x', '/etc/x', 'a b', 'a\nb', 'x\n', 'x'.repeat(65)])
      expect(() => parseUid(text)).toThrow('uid');
  });

  it('S6 makes uids that are random and not made of time and network card', () => {
    const uids = Array.from({ length: 100 }, createUid);
    expect(new Set(uids).size).toBe(100);
    // The version digit of a UUID: 4 is random, 1 is clock and MAC address.
    for (const uid of uids) expect(uid[14]).toBe('4');
  });

  it('R15 knows two roles', () => {
    expect(parseRole('PROD')).toBe('PROD');
    expect(parseRole('CONS')).toBe('CONS');
    for (const role of ['', 'prod', 'OTHER']) expect(() => parseRole(role)).toThrow('role');
  });

  it('keeps labels short, printable and few', () => {
    expect(parseLabels({ 'exp/id': 'e 1' })).toEqual({ 'exp/id': 'e 1' });
    expect(() => parseLabels({ 'a b': '' })).toThrow('label');
    expect(() => parseLabels({ a: 'x\ny' })).toThrow('label');
    expect(() => parseLabels({ a: 'x'.repeat(257) })).toThrow('label');
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`k${index}`, '']));
    expect(() => parseLabels(many)).toThrow('32');
  });
});
