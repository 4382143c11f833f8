import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { until } from '../../../src/core/until.js';
import { createForwarder, forward, freePort, startEngine, targetsOf, variants } from '../../support/engine.js';
import { accepts, connect, echo, exchange, listenAt, readAll, saying } from '../../support/tcp.js';
import { first } from '../../support/v1.js';

describe.each(variants)('$name', (variant) => {
  it('refuses a target whose name means nothing, and listens to nothing then', async () => {
    const engine = await startEngine(variant);
    const { forwarder, addresses } = await createForwarder(engine, { targets: ['nowhere.invalid:7000'] });
    await expect(forwarder.update(targetsOf(['nowhere.invalid:7000']))).rejects.toMatchObject({ code: 'CONN_ERROR' });
    expect(await accepts(first(addresses))).toBe(false);
  });

  it('breaks a connection for which no target answers, and counts it', async () => {
    const { address, forwarder } = await forward(variant, { targets: [`127.0.0.1:${await freePort()}`] });
    await expect(connect(address).then(readAll)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await until('the refusal being counted', 5_000, () => forwarder.counters().refusedConnections === 1);
    expect(forwarder.counters()).toMatchObject({ openConnections: 0, totalConnections: 1 });
  });

  it('spreads the connections over the targets in turn', async () => {
    const [red, green, blue] = await Promise.all(['red', 'green', 'blue'].map(saying));
    const { address } = await forward(variant, { targets: [`${red?.address},${green?.address},${blue?.address}`] });
    const said: string[] = [];
    for (let index = 0; index < 6; index++) said.push(await exchange(address, ''));
    expect(said.slice(0, 3).sort()).toEqual(['blue', 'green', 'red']);
    expect(said.slice(3)).toEqual(said.slice(0, 3));
  });

  it('skips a target that is not there, and uses it once it is', async () => {
    const late = await freePort();
    const there = await saying('there');
    const { address } = await forward(variant, { targets: [`127.0.0.1:${late},${there.address}`] });
    for (let index = 0; index < 4; index++) expect(await exchange(address, '')).toBe('there');
    await listenAt(late, (socket) => socket.end('late'));
    await until('the late target being used', 15_000, async () => (await exchange(address, '')) === 'late');
  });

  it('points new connections at new targets and leaves the open ones where they are', async () => {
    const [old, next] = [await echo(), await saying('the new one')];
    const { address, forwarder } = await forward(variant, { targets: [old.address] });
    const socket = await connect(address);
    socket.write('before');
    await once(socket, 'readable');
    expect(String(socket.read())).toBe('before');
    await forwarder.update(targetsOf([next.address]));
    expect(await exchange(address, '')).toBe('the new one');
    socket.end('after');
    expect((await readAll(socket)).toString()).toBe('after');
  });

  it('keeps listeners apart, each with targets of its own', async () => {
    const [red, blue] = [await saying('red'), await saying('blue')];
    const { addresses } = await forward(variant, { targets: [red.address, blue.address] });
    expect(await Promise.all(addresses.map((address) => exchange(address, '')))).toEqual(['red', 'blue']);
  });

  it('opens its listeners with the first update, all or none', async () => {
    const application = await saying('hello');
    const engine = await startEngine(variant);
    const targets = [application.address, application.address];
    const { forwarder, addresses } = await createForwarder(engine, { targets });
    const [one = '', two = ''] = addresses;
    await expect(connect(one)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const thief = await listenAt(Number(two.split(':')[1]), (socket) => socket.destroy());
    await expect(forwarder.update(targetsOf(targets))).rejects.toMatchObject({ code: 'NO_RESOURCE' });
    await expect(connect(one)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await thief[Symbol.asyncDispose]();
    await forwarder.update(targetsOf(targets));
    expect(await exchange(one, '')).toBe('hello');
    expect(await exchange(two, '')).toBe('hello');
  });
});
