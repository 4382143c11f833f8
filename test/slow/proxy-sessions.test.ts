import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type net from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseEndpoint } from '../../src/core/endpoint.js';
import { dockerTypes, janusTypes, processTypes, type Setting } from '../support/data-server-types.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { echoesLine } from '../support/stage.js';
import { accepts, connect, echo } from '../support/tcp.js';
import { connectPsk } from '../support/tls.js';
import { first } from '../support/v1.js';
import { at, session, succeeds, succeedsWithJson } from '../cli/commands.js';

const configurations = { haproxy: 'haproxy.cfg', nginx: 'nginx.conf', stunnel: 'stunnel.conf' };
const listeners = { one: 6, two: 1 };

/** A session as a user opens one, and a connection through a listener of it. */
async function open(facility: Facility, uid: keyof typeof listeners, target: string, encrypted: boolean) {
  const keyFile = path.join(await temporaryDir(), 'key');
  const [host = '', port = ''] = target.split(':');
  const opened = await succeedsWithJson(session, 's2uc', [
    ...['inbound-request', ...at(facility), '--remote-ip', host, '--receiver-ports', port],
    ...['--uid', uid, '--num-conn', String(listeners[uid]), ...(encrypted ? ['--key-file', keyFile] : [])],
  ]);
  const key = encrypted ? Buffer.from((await readFile(keyFile, 'utf8')).trim(), 'hex') : undefined;
  const enter = (address: string): Promise<net.Socket> => (key ? connectPsk(address, key) : connect(address));
  return { listeners: opened.listeners, enter };
}

/** The ports of which the configuration in each folder speaks, by folder. */
async function configured(folders: readonly string[], file: string, ports: readonly number[]): Promise<number[][]> {
  const texts = await Promise.all(folders.map((folder) => readFile(path.join(folder, file), 'utf8')));
  return texts.map((text) => ports.filter((port) => new RegExp(`:${port}\\b`).test(text)));
}

async function leftNothing(facility: Facility, { programs, folders }: Setting): Promise<void> {
  await facility.holdsNothing();
  expect([...(await programs(facility.stateDir)), ...(await folders(facility.stateDir))]).toEqual([]);
  expect(await readdir(path.join(facility.stateDir, 's2ds.d'))).toEqual([]);
}

describe.each([...processTypes, ...dockerTypes, ...janusTypes])('two sessions at a facility of $name', (tested) => {
  it('R7 have a program, a folder, a configuration and ports each, as many as they asked for, and end separately', async () => {
    const setting = await tested.set();
    const { args, env } = setting.options;
    const encrypted = tested.engine === 'stunnel';
    const security = ['--security', encrypted ? 'tls-psk' : 'none'];
    const facility = await Facility.start(['-t', tested.type, ...args, ...security], undefined, env);
    const { stateDir } = facility;
    const application = await echo();
    const sessions = await Promise.all([
      open(facility, 'one', application.address, encrypted),
      open(facility, 'two', application.address, encrypted),
    ]);
    const [one, two] = sessions;
    expect([one.listeners.length, two.listeners.length]).toEqual([listeners.one, listeners.two]);
    expect(new Set(sessions.flatMap(({ listeners: all }) => all)).size).toBe(listeners.one + listeners.two);

    const folders = await setting.folders(stateDir);
    expect(folders).toHaveLength(2);
    const programs = await setting.programs(stateDir);
    expect(programs.length).toBeGreaterThanOrEqual(2);
    const portsOf = ({ listeners: all }: typeof one): number[] => all.map((address) => parseEndpoint(address).port);
    const ports = sessions.flatMap(portsOf);
    const found = await configured(
      folders,
      configurations[tested.engine === 'relay' ? 'haproxy' : tested.engine],
      ports,
    );
    expect(found.sort((some, others) => others.length - some.length)).toEqual(sessions.map(portsOf));
    for (const { listeners: all, enter } of sessions) {
      for (const address of all) expect(await echoesLine(await enter(address), address)).toBe(true);
    }

    const kept = await two.enter(first(two.listeners));
    expect(await echoesLine(kept, 'before')).toBe(true);
    await succeeds('s2uc', ['release', 'one', ...at(facility)]);
    expect(await echoesLine(kept, 'after the release of the other')).toBe(true);
    expect(await Promise.all(one.listeners.map(accepts))).toEqual(one.listeners.map(() => false));
    const remaining = await setting.programs(stateDir);
    expect(remaining.length).toBeLessThan(programs.length);
    expect(programs).toEqual(expect.arrayContaining([...remaining]));
    expect(await setting.folders(stateDir)).toHaveLength(1);
    await succeeds('s2uc', ['release', 'two', ...at(facility)]);
    await leftNothing(facility, setting);
  });
});
