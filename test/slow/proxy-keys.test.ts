import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { dockerTypes, janusTypes, processTypes, type Setting, type TestedType } from '../support/data-server-types.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { filesWith, formsOf } from '../support/proxy-programs.js';
import { echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { at, failsInOneSentence, session, succeeds, succeedsWithJson } from '../cli/commands.js';

const all = [...processTypes, ...dockerTypes, ...janusTypes];

interface Bed {
  readonly facility: Facility;
  /** Files with the key, where the facility and its programs keep any. */
  readonly files: (key: Buffer) => Promise<readonly string[]>;
  /** All that is printed, and all that is known of its programs outside. */
  readonly told: () => Promise<string>;
  readonly folders: () => ReturnType<Setting['folders']>;
}

/** A facility with this type that tells as much as it can. */
async function bed({ type, set }: TestedType, security: string): Promise<Bed> {
  const setting = await set();
  const { args, env } = setting.options;
  const facility = await Facility.start(['-t', type, ...args, '--security', security, '--verbose'], undefined, env);
  const { stateDir, program } = facility;
  const folders = (): ReturnType<Setting['folders']> => setting.folders(stateDir);
  // Of Janus they are on a volume outside the state folder.
  const roots = new Set([stateDir, ...(setting.volume === undefined ? [] : [setting.volume])]);
  return {
    facility,
    files: async (key) => {
      const found = [...roots].map(async (dir) =>
        (await filesWith(dir, formsOf(key))).map((file) => path.join(dir, file)),
      );
      return (await Promise.all(found)).flat().sort();
    },
    told: async () => `${program.stdout}${program.stderr}${await setting.known(stateDir)}`,
    folders,
  };
}

function isIn(text: string, key: Buffer): boolean {
  return formsOf(key).some((form) => text.includes(form));
}

describe.each(all.filter(({ engine }) => engine === 'stunnel'))('the key of a stream of $name', (tested) => {
  it('R8 is in the key file and in the record of the session only, private, and gone with the session', async () => {
    const { facility, files, told, folders } = await bed(tested, 'tls-psk');
    const keyFile = path.join(await temporaryDir(), 'key');
    const inbound = ['inbound-request', ...at(facility), '--uid', 'in', '--key-file', keyFile];
    const target = ['--remote-ip', '127.0.0.1', '--receiver-ports', '9'];
    const opened = await succeedsWithJson(session, 's2uc', [...inbound, ...target]);
    const outbound = ['outbound-request', 'out', first(opened.listeners), ...at(facility), '--key-file', keyFile];
    await succeeds('s2uc', outbound);
    await succeeds('s2uc', ['update', 'out', ...at(facility), '--targets', '127.0.0.1:9']);

    const key = Buffer.from((await readFile(keyFile, 'utf8')).trim(), 'hex');
    const places = await folders();
    const records = places.map((place) => path.join(facility.stateDir, 's2ds.d', `${path.basename(place)}.json`));
    const expected = [...records, ...places.map((place) => path.join(place, 'psk.txt'))];
    expect(expected).toHaveLength(4);
    expect(await files(key)).toEqual(expected.sort());
    for (const file of expected) expect((await stat(file)).mode & 0o777).toBe(0o600);
    for (const place of places) expect((await stat(place)).mode & 0o777).toBe(0o700);
    expect(isIn(await told(), key)).toBe(false);
    await succeeds('s2uc', ['release', '--all', ...at(facility)]);
    expect(await files(key)).toEqual([]);
    expect(isIn(await told(), key)).toBe(false);
  });
});

describe.each(all.filter(({ engine }) => engine !== 'stunnel'))('a key at a facility of $name', (tested) => {
  it('R8 is nowhere, as there is no use for one', async () => {
    const { facility, files, told } = await bed(tested, 'none');
    const key = randomBytes(32);
    const application = await echo();
    const wanted = { uid: 'plain', role: 'PROD', targets: [application.address], security: 'none', key } as const;
    const { listeners } = await facility.client().createSession(wanted);
    expect(await exchange(first(listeners), 'plain')).toBe('plain');
    expect(await files(key)).toEqual([]);
    expect(isIn(await told(), key)).toBe(false);
    const keyFile = path.join(await temporaryDir(), 'key');
    await failsInOneSentence('s2uc', ['inbound-request', ...at(facility), '--key-file', keyFile], {
      code: 12,
      says: new RegExp(
        `Data server type ${tested.type} cannot protect a stream by "tls-psk"; ask both ends for security none`,
      ),
    });
  });
});
