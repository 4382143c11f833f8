import type { EngineKind } from './engine.js';
import { mock } from './mock/engine.js';
import { haproxy } from './proxy/haproxy/kind.js';
import { nginx } from './proxy/nginx/kind.js';
import type { ProxyKind } from './proxy/proxy.js';
import { stunnel } from './proxy/stunnel/kind.js';
import { relay } from './relay/engine.js';

/** Engines that work in the agent itself. */
export const embeddedEngines = { relay, mock } satisfies Record<string, EngineKind>;

/** Engines that are programs of others, which a runner runs. */
export const proxies = { haproxy, nginx, stunnel } satisfies Record<string, ProxyKind>;
