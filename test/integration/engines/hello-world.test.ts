import { describe, expect, it, onTestFinished } from 'vitest';
import { helloWorld } from '../../../src/data/engines/hello-world/engine.js';
import { createForwarder, loggerTo, targetsOf } from '../../support/engine.js';
import { accepts, connect, readAll } from '../../support/tcp.js';
import { first } from '../../support/v1.js';

const settings = {
  ...{ workers: 1, portable: true, bufferSize: 1 << 20, socketBuffer: 0, idleTimeoutMs: 0 },
  logger: loggerTo([]),
};

async function said(address: string): Promise<string> {
  return (await readAll(await connect(address))).toString();
}

describe('the hello-world engine', () => {
  it('does what is asked of every engine', async () => {
    const engine = await helloWorld.start(settings);
    onTestFinished(() => engine[Symbol.asyncDispose]());
    const { forwarder, addresses } = await createForwarder(engine, { targets: ['127.0.0.1:1', '127.0.0.1:2'] });
    expect(await accepts(first(addresses)), 'before the first update').toBe(false);

    await forwarder.update(targetsOf(['192.0.2.1:1', '192.0.2.2:2']));
    expect(await Promise.all(addresses.map(said))).toEqual([
      'hello, world: this stream would go to 192.0.2.1:1\n',
      'hello, world: this stream would go to 192.0.2.2:2\n',
    ]);
    await forwarder.update(targetsOf(['192.0.2.3:3,[2001:db8::4]:4', '192.0.2.2:2']));
    expect(await said(first(addresses))).toBe('hello, world: this stream would go to 192.0.2.3:3 or [2001:db8::4]:4\n');
    expect(forwarder.counters()).toEqual({ totalConnections: 3, openConnections: 0 });

    await forwarder[Symbol.asyncDispose]();
    expect(await Promise.all(addresses.map(accepts))).toEqual([false, false]);
  });
});
