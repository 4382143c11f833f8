import { SciStreamError } from '../../core/errors.js';
import type { ProgramRunner } from './runner.js';

/** Stands for a runner that lacks settings: says which ones. */
export function unconfigured(reason: string): ProgramRunner {
  const refuse = (): Promise<never> => Promise.reject(new SciStreamError('NOT_IMPLEMENTED', reason));
  return {
    check: () => Promise.resolve({ available: false, reason }),
    place: refuse,
    verify: refuse,
    start: refuse,
    adopt: refuse,
    left: () => Promise.resolve([]),
    end: refuse,
  };
}
