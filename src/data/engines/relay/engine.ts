import type { Engine } from '../engine.js';
import { PortableForwarder } from './portable-forwarder.js';

/** The embedded engine, in its portable form on `node:net`. */
export const relay: Engine = {
  capabilities: { security: ['none'], udp: false, rate: false },
  create: (options) => new PortableForwarder(options),
};
