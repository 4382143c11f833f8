import type { EngineKind } from '../engine.js';
import { PortableEngine } from './portable/engine.js';

/** The embedded engine. */
export const relay: EngineKind = {
  capabilities: { security: ['tls-psk', 'none'], udp: true, rate: true },
  start: async (settings) => Promise.resolve(new PortableEngine(settings)),
};
