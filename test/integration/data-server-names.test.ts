import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataServer } from '../support/data-server.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { requirePrograms } from '../support/requires.js';
import { echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';

const there = requirePrograms({ name: 'haproxy', check: ['haproxy', '-v'], hint: 'apt-get install haproxy' });

const files = async (dir: string): Promise<string[]> => (await readdir(dir, { recursive: true })).sort();

describe.runIf(there)('names of files', () => {
  it('S3 are ids of ours, whatever a session is called', async () => {
    const outer = await temporaryDir();
    const stateDir = path.join(outer, 'state');
    const facility = await Facility.start(['--type', 'haproxy-process'], stateDir);
    const client = facility.client();
    const application = await echo();
    for (const uid of ['../../x', '/etc/x', 'a/b', 'a\nb', '..\\x']) {
      const refused = client.createSession({ uid, role: 'PROD', targets: [application.address] });
      await expect(refused).rejects.toMatchObject({ code: 'BAD_FORMAT' });
    }
    const before = await files(outer);
    // These are allowed: as names of files they would be folders of others, options or files that are there.
    for (const uid of ['.', '..', '-rf', 's2ds.sock', 'haproxy.cfg']) {
      const { listeners } = await client.createSession({ uid, role: 'PROD', targets: [application.address] });
      expect(await exchange(first(listeners), uid)).toBe(uid);
    }
    const { reservations } = await facility.agent().list({});
    expect(reservations.map(({ id }) => id)).toEqual(Array(5).fill(expect.stringMatching(/^[0-9a-f]{16}$/)));
    const ours = reservations.flatMap(({ id }) => [
      ...[`${id}.json`, `${id}.process`, id, `${id}/admin.sock`, `${id}/haproxy.cfg`, `${id}/process.json`],
    ]);
    const made = (await files(outer)).filter((file) => !before.includes(file));
    expect(made.filter((file) => file !== 'state/s2ds.d' && !file.endsWith('/totals.json'))).toEqual(
      ours.map((file) => `state/s2ds.d/${file}`).sort(),
    );
    for (const { uid } of await client.listSessions()) await client.releaseSession(uid);
    expect((await files(outer)).filter((file) => file !== 'state/s2ds.d')).toEqual(before);
  });

  it('S3 are ids of ours, whatever a caller of the data server notes', async () => {
    const dir = await temporaryDir();
    const server = await DataServer.start({ dir });
    const annotations = { uid: '../../x', '../../y': '/etc/x' };
    const request = { type: 'haproxy-process', role: 'PROD', numListeners: 1, security: 'none', annotations };
    const { reservation } = await server.client.reserve(request);
    const id = reservation?.id ?? '';
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    await server.client.update({ id, forwards: [{ targets: ['127.0.0.1:1'] }], annotations });
    for (const file of await files(path.join(dir, 's2ds.d'))) expect(file.startsWith(id)).toBe(true);
    for (const wrong of ['../../x', '..', `${id}/..`, '']) {
      await expect(server.client.release({ id: wrong })).rejects.toMatchObject({ code: 'INVALID_UID' });
    }
    await server.client.release({ id });
    expect(await files(path.join(dir, 's2ds.d'))).toEqual([]);
  });
});
