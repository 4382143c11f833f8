import { embedded } from './embedded.js';
import type { Runner } from './runner.js';

export const runners = { embedded } satisfies Record<string, Runner>;
