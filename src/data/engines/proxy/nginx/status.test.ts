import { describe, expect, it } from 'vitest';
import { parseStatus } from './status.js';

describe('the status of nginx', () => {
  it('leaves out the connections that ask', () => {
    const text =
      'Active connections: 4 \nserver accepts handled requests\n 19 19 9 \nReading: 0 Writing: 1 Waiting: 0 \n';
    expect(parseStatus(text)).toEqual({ open: 3, total: 10 });
  });

  it('is refused when it is something else', () => {
    expect(() => parseStatus('<html>404</html>')).toThrow(/no status: <html>404/);
  });
});
