import type { Engine } from './engine.js';
import { mock } from './mock/engine.js';
import { relay } from './relay/engine.js';

export const engines = { relay, mock } satisfies Record<string, Engine>;
