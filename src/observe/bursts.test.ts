import { describe, expect, it } from 'vitest';
import { HandClock } from '../../test/support/hand-clock.js';
import { Bursts } from './bursts.js';

describe('Bursts', () => {
  it('writes the first at once, and one line for all that follow within five seconds', () => {
    const clock = new HandClock();
    const lines: string[] = [];
    const bursts = new Bursts<string>((example, leftOut) => lines.push(`${example} and ${leftOut} more`), clock);
    for (const example of ['one', 'two', 'three', 'four']) bursts.add(example);
    expect(lines).toEqual(['one and 0 more']);
    clock.pass(5_000);
    expect(lines).toEqual(['one and 0 more', 'four and 2 more']);
    bursts.add('five');
    expect(lines).toHaveLength(2);
    clock.pass(5_000);
    clock.pass(5_000);
    bursts.add('six');
    expect(lines.slice(2)).toEqual(['five and 0 more', 'six and 0 more']);
  });

  it('writes what it still holds back when it is disposed, and sets no timer anymore', () => {
    const clock = new HandClock();
    const lines: string[] = [];
    const bursts = new Bursts<string>((example) => lines.push(example), clock);
    bursts.add('one');
    bursts.add('two');
    bursts[Symbol.dispose]();
    expect(lines).toEqual(['one', 'two']);
    expect(clock.armed).toBe(0);
  });
});
