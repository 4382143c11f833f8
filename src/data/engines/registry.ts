import type { EngineKind } from './engine.js';
import { mock } from './mock/engine.js';
import { relay } from './relay/engine.js';

export const engines = { relay, mock } satisfies Record<string, EngineKind>;
