import { describe, expect, it } from 'vitest';
import { messageOf } from './errors.js';
import { Scope } from './scope.js';

describe('scope', () => {
  it('frees in reverse order and only once', async () => {
    const freed: string[] = [];
    const scope = new Scope();
    scope.defer(() => void freed.push('first'));
    scope.use({ [Symbol.dispose]: () => void freed.push('second') });
    scope.use({ [Symbol.asyncDispose]: () => Promise.resolve(void freed.push('third')) });
    await Promise.all([scope[Symbol.asyncDispose](), scope[Symbol.asyncDispose]()]);
    expect(freed).toEqual(['third', 'second', 'first']);
    expect(scope.disposed).toBe(true);
  });

  it('frees the rest when one thing cannot be freed, and says so', async () => {
    const freed: string[] = [];
    const scope = new Scope();
    scope.defer(() => void freed.push('first'));
    scope.defer(() => Promise.reject(new Error('stuck')));
    await expect(scope[Symbol.asyncDispose]()).rejects.toThrow('stuck');
    expect(freed).toEqual(['first']);
  });

  it('gathers several failures', async () => {
    const scope = new Scope();
    scope.defer(() => Promise.reject(new Error('a')));
    scope.defer(() => Promise.reject(new Error('b')));
    const failure: unknown = await scope[Symbol.asyncDispose]().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AggregateError);
    expect(messageOf(failure)).toBe('Several things could not be freed: b; a');
  });

  it('takes nothing once it has ended', async () => {
    const scope = new Scope();
    await scope[Symbol.asyncDispose]();
    expect(() => {
      scope.defer(() => undefined);
    }).toThrow('ended');
  });
});
