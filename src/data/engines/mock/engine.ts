import type { Counters, Engine, Forwarder } from '../engine.js';

/** Forwards nothing: lets workflows integrate against the API without moving data. */
export const mock: Engine = {
  capabilities: { security: ['none'], udp: false, rate: false },
  create: () => new MockForwarder(),
};

class MockForwarder implements Forwarder {
  async update(): Promise<void> {
    // Nothing listens, so there is nothing to point anywhere.
  }

  counters(): Counters {
    return {};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Holds nothing.
  }
}
