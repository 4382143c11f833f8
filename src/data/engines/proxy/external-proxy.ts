import type { ProgramRunner } from '../../runners/runner.js';
import type { EngineKind } from '../engine.js';
import { ProxyForwarder } from './forwarder.js';
import type { ProxyKind } from './proxy.js';

/** An approved proxy as an engine: each forwarder is a program of its own, which `runner` runs. */
export function externalProxy(kind: ProxyKind, runner: ProgramRunner): EngineKind {
  return {
    capabilities: kind.capabilities,
    start: (settings) =>
      Promise.resolve({
        create: (options) => new ProxyForwarder(kind, runner, settings, options),
        async [Symbol.asyncDispose]() {
          // Its forwarders hold all there is.
        },
      }),
  };
}
