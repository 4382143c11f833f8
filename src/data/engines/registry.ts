import type { EngineKind } from './engine.js';
import { mock } from './mock/engine.js';
import { haproxy } from './proxy/haproxy/kind.js';
import { nginx } from './proxy/nginx/kind.js';
import type { ProxyKind } from './proxy/proxy.js';
import { legacyStunnel, stunnel } from './proxy/stunnel/kind.js';
import { relay } from './relay/engine.js';

/** Engines that work in the agent itself. */
export const embeddedEngines = { relay, mock } satisfies Record<string, EngineKind>;

const proxies = { haproxy, nginx, stunnel } satisfies Record<string, ProxyKind>;

export type Proxies = Readonly<Record<keyof typeof proxies, ProxyKind>>;

/** Engines that are programs of others, which a runner runs. `legacyStunnelPeer`: stunnel pairs with Python gateways. */
export function proxiesFor(legacyStunnelPeer: boolean): Proxies {
  return legacyStunnelPeer ? { ...proxies, stunnel: legacyStunnel } : proxies;
}
