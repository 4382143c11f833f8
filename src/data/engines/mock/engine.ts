import type { ConnectionInfo, Counters, Engine, EngineKind, Forwarder } from '../engine.js';

/** Forwards nothing: lets workflows integrate against the API without moving data. */
export const mock: EngineKind = {
  capabilities: { protection: ['none', 'tls-psk'], udp: true, rate: true },
  async start(): Promise<Engine> {
    return Promise.resolve({
      create: () => new MockForwarder(),
      async [Symbol.asyncDispose]() {
        // Holds nothing.
      },
    });
  },
};

class MockForwarder implements Forwarder {
  async update(): Promise<void> {
    // Nothing listens, so there is nothing to point anywhere.
  }

  async limit(): Promise<void> {
    // Nothing flows, which is below every limit.
  }

  counters(): Counters {
    return {};
  }

  connections(): readonly ConnectionInfo[] {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Holds nothing.
  }
}
