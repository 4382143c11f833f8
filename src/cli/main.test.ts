import { describe, expect, it } from 'vitest';
import { SciStreamError } from '../core/errors.js';
import { Interrupted, report } from './main.js';

describe('how a program ends that has failed', () => {
  it('says in one sentence what was wrong, and every reason when several things were', () => {
    const reasons = [
      new SciStreamError('TIMEOUT', 'The agent stays.'),
      new SciStreamError('CONN_ERROR', 'It hung up.'),
    ];
    expect(report(reasons[0], 's2cs')).toEqual({ text: 's2cs: The agent stays.\n', exit: 11 });
    const nested = new AggregateError([reasons[1]], '1 sessions could not be ended cleanly.');
    expect(report(new AggregateError([reasons[0], nested], 'Several things could not be freed.'), 's2cs')).toEqual({
      text: 's2cs: Several things could not be freed: The agent stays.; 1 sessions could not be ended cleanly: It hung up.\n',
      exit: 1,
    });
    expect(report(new Interrupted('SIGTERM'), 's2uc')).toEqual({ text: '', exit: 143 });
  });

  it('shows where a defect of our own is, also one among others', () => {
    const defect = new TypeError('no function');
    const { text, exit } = report(new AggregateError([new SciStreamError('TIMEOUT', 'Late.'), defect], 'Two.'), 's2uc');
    expect(text).toBe(`s2uc: Two: Late.; no function\n${defect.stack ?? ''}\n`);
    expect(exit).toBe(1);
  });
});
