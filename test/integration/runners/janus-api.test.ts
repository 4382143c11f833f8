import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import { JanusApi } from '../../../src/data/runners/janus/api.js';
import { startJanus, type JanusDouble, type JanusDoubleOptions } from '../../support/janus/controller.js';
import { generations } from '../../support/janus/generations.js';

const request = { instances: ['gateway'], image: 'haproxy:2.6', profile: 'scistream', arguments: '-f /vol/a' };

async function connect(options: JanusDoubleOptions, password = 'open sesame'): Promise<[JanusApi, JanusDouble]> {
  const janus = await startJanus(options);
  const credentials = { user: 'scientist', password: new Secret(Buffer.from(password)) };
  return [new JanusApi({ url: janus.url, ca: undefined, ...credentials }), janus];
}

async function stateOf(api: JanusApi, id: string): Promise<string | undefined> {
  return (await api.session(id))?.state;
}

describe.each(generations)('the API of %s', (generation) => {
  it('creates, starts, stops, starts again and deletes', async () => {
    const [api, janus] = await connect({ generation });
    const { id, problems } = await api.create(request);
    expect({ id, problems }).toEqual({ id: '7', problems: '' });
    expect(await stateOf(api, id)).toBe('INITIALIZED');
    expect((await api.start(id)).state).toBe('STARTED');
    await api.stop(id);
    expect(await stateOf(api, id)).toBe('STOPPED');
    expect((await api.start(id)).state).toBe('STARTED');
    await api.delete(id);
    expect(await stateOf(api, id)).toBeUndefined();
    expect(janus.containers.all.size).toBe(0);
  });

  it('starts twice, stops before a start and twice, and deletes twice', async () => {
    const [api] = await connect({ generation });
    const { id } = await api.create(request);
    await api.stop(id);
    expect(await stateOf(api, id)).toBe('INITIALIZED');
    await api.start(id);
    expect((await api.start(id)).state).toBe('STARTED');
    await api.stop(id);
    await api.stop(id);
    await api.delete(id);
    await api.delete(id);
    await api.stop(id);
    await expect(api.start(id)).rejects.toMatchObject({ code: 'SERVER_ERR' });
  });

  it('tells of a container that could not be made, of one that could not be started, and starts it later', async () => {
    const [api, janus] = await connect({ generation });
    janus.containers.failures.create = 'No such image: haproxy:2.6';
    const { id, problems } = await api.create(request);
    expect(problems).toContain('No such image: haproxy:2.6');
    await api.delete(id, { force: true });
    expect(await api.sessions()).toEqual([]);
    janus.containers.failures.create = undefined;
    janus.containers.failures.start = 'port is already allocated';
    const second = await api.create(request);
    expect(await api.start(second.id)).toMatchObject({ state: 'MIXED' });
    janus.containers.failures.start = undefined;
    const [service] = (await api.start(second.id)).services['gateway'] ?? [];
    expect(service).toMatchObject({ errors: [] });
  });

  it('tells what failed after a start, of the last start only', async () => {
    const [api, janus] = await connect({ generation });
    const { failures } = janus.containers;
    const { id } = await api.create(request);
    const errorsOf = async () => (await api.start(id)).services['gateway']?.[0]?.errors;
    failures.start = 'port is already allocated';
    expect(await errorsOf()).toMatchObject([{ response: { message: 'port is already allocated' } }]);
    failures.start = undefined;
    failures.postStart = 'the route could not be set';
    expect(await api.start(id)).toMatchObject({ state: 'STARTED' });
    expect((await api.session(id))?.services['gateway']).toMatchObject([
      { errors: [{ response: { message: 'the route could not be set' } }] },
    ]);
    await api.stop(id);
    failures.postStart = undefined;
    expect(await errorsOf()).toEqual([]);
  });

  it('deletes by force what cannot be removed', async () => {
    const [api, janus] = await connect({ generation });
    const { id } = await api.create(request);
    await api.start(id);
    janus.containers.failures.remove = 'device or resource busy';
    await expect(api.delete(id)).rejects.toThrow('device or resource busy');
    expect(await api.session(id)).toBeDefined();
    await api.delete(id, { force: true });
    expect(await api.session(id)).toBeUndefined();
  });

  it('counts ports from start to stop, and runs out of them', async () => {
    const [api] = await connect({ generation, profiles: { scistream: { ctrl_ports: [30000] } } });
    const [one, two] = [await api.create(request), await api.create(request)];
    await api.start(one.id);
    await expect(api.create(request)).rejects.toThrow('No more ctrl ports available');
    await api.stop(one.id);
    await api.delete(two.id);
    expect((await api.create(request)).problems).toBe('');
  });

  it('shows and deletes only what the user has made', async () => {
    const users = { scientist: 'open sesame', admin: 'root' };
    const [api, janus] = await connect({ generation, users });
    const root = { user: 'admin', password: new Secret(Buffer.from('root')) };
    const admin = new JanusApi({ url: janus.url, ca: undefined, ...root });
    const { id } = await admin.create(request);
    expect(await api.sessions()).toEqual([]);
    await api.delete(id);
    expect(await admin.session(id)).toBeDefined();
  });

  it('asks again when a connection breaks, but never creates twice', async () => {
    const [api, janus] = await connect({ generation });
    janus.drop = () => true;
    await expect(api.images()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(api.create(request)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(janus.asked).toEqual(['GET /images', 'GET /images', 'POST /create']);
  });

  it('names the user, not the password, when that is wrong', async () => {
    const [api] = await connect({ generation }, 'hunter2');
    const error: unknown = await api.sessions().catch((reason: unknown) => reason);
    expect(String(error)).toContain('does not accept the user "scientist"');
    expect(String(error)).not.toContain('hunter2');
  });
});
