import { loadNative } from '../../../platform/ffi/native.js';
import type { EngineKind } from '../engine.js';
import { LoopEngine } from './loop/engine.js';
import { PortableEngine } from './portable/engine.js';

/** The embedded engine: on the system's own calls where they can be had, else on Node's sockets. */
export const relay: EngineKind = {
  capabilities: { protection: ['tls-psk', 'none'], udp: true, rate: true },
  async start(settings) {
    const native = settings.portable ? undefined : await loadNative(settings.debugMemory ?? false);
    settings.logger.info({ portable: !native, ...(native ? { workers: settings.workers } : {}) }, 'the relay starts');
    return native ? LoopEngine.start(native, settings) : new PortableEngine(settings);
  },
};
