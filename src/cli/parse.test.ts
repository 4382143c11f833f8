import { InvalidArgumentError } from '@commander-js/extra-typings';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SciStreamError } from '../core/errors.js';
import { argument, label, list, parseCount, parsePorts } from './parse.js';

const badFormat = expect.objectContaining({ code: 'BAD_FORMAT' }) as Error;

describe('values of options', () => {
  it('makes the sentence of a parser the usage error', () => {
    const parser = argument((text: string): never => {
      throw new SciStreamError('BAD_FORMAT', `${text} is wrong.`);
    });
    expect(() => parser('it')).toThrow(InvalidArgumentError);
    expect(() => parser('it')).toThrow('it is wrong.');
    expect(argument((text: string) => text.length)('four')).toBe(4);
  });

  it('reads back any list of ports, with spaces or without', () => {
    const ports = fc.array(fc.integer({ min: 1, max: 65535 }), { minLength: 1 });
    fc.assert(
      fc.property(ports, fc.constantFrom(',', ', ', ' ,'), (numbers, comma) => {
        expect(parsePorts(numbers.join(comma))).toEqual(numbers);
      }),
    );
  });

  it.each(['', '0', '65536', '5074,', ',5074', '5074;5075', '5074-5076', '-1', '1e3', '[5074]', 'http'])(
    'refuses %j as ports',
    (text) => {
      expect(() => parsePorts(text)).toThrow(badFormat);
    },
  );

  it('counts from 1 to the number of ports there are', () => {
    expect([parseCount('1'), parseCount('65535')]).toEqual([1, 65535]);
  });

  it.each(['', '0', '-1', '1.5', '1e3', ' 1', '65536', '99999999999999999999', 'many'])(
    'refuses %j as a number of connections',
    (text) => {
      expect(() => parseCount(text)).toThrow(badFormat);
    },
  );

  it('collects repeated and comma separated values alike', () => {
    expect(list('a')).toEqual(['a']);
    expect(list('c, d', list('a,b'))).toEqual(['a', 'b', 'c', 'd']);
  });

  it('collects labels; a value may hold =', () => {
    expect(label('note=a=b', label('job=1'))).toEqual({ job: '1', note: 'a=b' });
    expect(label('empty=')).toEqual({ empty: '' });
    expect(Object.entries(label('__proto__=x'))).toEqual([['__proto__', 'x']]);
  });

  it('lets a repeated label have its last value', () => {
    expect(label('job=2', label('job=1'))).toEqual({ job: '2' });
  });

  it.each(['', 'job', '=1'])('refuses %j as a label', (text) => {
    expect(() => label(text)).toThrow(InvalidArgumentError);
  });
});
