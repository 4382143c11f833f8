import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { formatEndpoint } from '../../../src/core/endpoint.js';
import { until } from '../../../src/core/until.js';
import { forward, psk, twoGateways, variants } from '../../support/engine.js';
import { descriptors } from '../../support/resources.js';
import { connect, echo, exchange, readAll, serve } from '../../support/tcp.js';
import { first } from '../../support/v1.js';

describe.each(variants)('$name', (variant) => {
  it('lists open connections with who talks to whom, and counts them', async () => {
    const application = await echo();
    const { address, forwarder } = await forward(variant, { targets: [application.address] });
    const socket = await connect(address);
    socket.write('12345');
    await once(socket, 'readable');
    const info = first(forwarder.connections());
    expect(formatEndpoint(info.listener)).toBe(address);
    expect(formatEndpoint(info.client)).toBe(`127.0.0.1:${socket.localPort}`);
    expect(info.target && formatEndpoint(info.target)).toBe(application.address);
    expect(info).toMatchObject({ bytesIn: 5, bytesOut: 5 });
    expect(forwarder.counters()).toMatchObject({ bytesIn: 5, bytesOut: 5, openConnections: 1, totalConnections: 1 });
    if (variant.knowsPath) {
      await until('the path being measured', 5_000, () => forwarder.connections()[0]?.rttUs !== undefined);
    }
    for (const known of [first(forwarder.connections()), forwarder.counters()]) {
      expect(known.rttUs !== undefined).toBe(variant.knowsPath);
      expect(known.retransmits !== undefined).toBe(variant.knowsPath);
    }
    socket.end();
    await readAll(socket);
    await until('the end being counted', 5_000, () => forwarder.counters().openConnections === 0);
    expect(forwarder.connections()).toEqual([]);
    expect(forwarder.counters()).toMatchObject({ bytesIn: 5, bytesOut: 5, totalConnections: 1 });
  });

  it('counts payload, not what protects it', async () => {
    const application = await serve((socket) => {
      void readAll(socket).then(() => socket.end('seven b'));
    });
    const options = { targets: [application.address], protection: psk() };
    const { producer, consumer, address } = await twoGateways(variant, options);
    await exchange(address, 'x'.repeat(100_000));
    for (const { forwarder } of [producer, consumer]) {
      await until('the end being counted', 5_000, () => forwarder.counters().openConnections === 0);
      expect(forwarder.counters()).toMatchObject({
        bytesIn: 100_000,
        bytesOut: 7,
        totalConnections: 1,
        failedHandshakes: 0,
        refusedConnections: 0,
      });
    }
  });

  it('R18 keeps a silent connection, but closes it where the operator says so', async () => {
    const application = await echo();
    const targets = [application.address];
    const patient = await forward(variant, { targets });
    const strict = await forward(variant, { targets, settings: { idleTimeoutMs: 300 } });
    const [kept, closed] = [await connect(patient.address), await connect(strict.address)];
    await until('both being forwarded', 5_000, () => application.accepted.length === 2);
    const answers = readAll(kept);
    await readAll(closed).catch(() => undefined);
    await until('the silent one being closed', 5_000, () => strict.forwarder.counters().openConnections === 0);
    kept.end('still here');
    expect((await answers).toString()).toBe('still here');
  });

  it('does not take a connection that is busy in one direction for a silent one', async () => {
    const application = await echo();
    const { address } = await forward(variant, { targets: [application.address], settings: { idleTimeoutMs: 400 } });
    const socket = await connect(address);
    const began = performance.now();
    await until('four timeouts being over', 10_000, () => {
      socket.write('x');
      return performance.now() - began > 1600;
    });
    socket.end('over');
    expect((await readAll(socket)).toString()).toMatch(/^x+over$/);
  });

  it('R17 listens and connects by IPv6', async () => {
    const application = await echo('::1');
    const { address, forwarder } = await forward(variant, { targets: [application.address], listenerIp: '::1' });
    expect(address).toMatch(/^\[::1\]:\d+$/);
    const socket = await connect(address);
    socket.write('six');
    await once(socket, 'readable');
    expect(first(forwarder.connections())).toMatchObject({ listener: { host: '::1' }, client: { host: '::1' } });
    socket.end();
    expect((await readAll(socket)).toString()).toBe('six');
  });

  it('reaches a target by its name', async () => {
    const application = await echo();
    const port = first(application.address.split(':').slice(1));
    const { address } = await forward(variant, { targets: [`localhost:${port}`] });
    expect(await exchange(address, 'by name')).toBe('by name');
  });

  it('S9 listens at the address it was told and nowhere else', async () => {
    const application = await echo();
    const { address } = await forward(variant, { targets: [application.address], listenerIp: '127.0.0.2' });
    const port = first(address.split(':').slice(1));
    await expect(connect(`127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await exchange(address, 'here')).toBe('here');
  });

  it('ends listeners and connections when it is disposed, and leaves no descriptor', async () => {
    const application = await echo();
    const before = await descriptors();
    const { address, engine, forwarder } = await forward(variant, {
      ...{ targets: [application.address], protection: psk() },
    });
    const plain = await forward(variant, { targets: [application.address] });
    const socket = await connect(plain.address);
    socket.write('x');
    await once(socket, 'readable');
    const ended = readAll(socket).catch(() => undefined);
    await plain.forwarder[Symbol.asyncDispose]();
    await forwarder[Symbol.asyncDispose]();
    for (const each of [engine, plain.engine]) await each[Symbol.asyncDispose]();
    await ended;
    await expect(connect(address)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(connect(plain.address)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    socket.destroy();
    for (const each of application.accepted) each.destroy();
    await until('the descriptors being as before', 5_000, async () => (await descriptors()) <= before);
  });
});
