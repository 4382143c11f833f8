import { chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { Facility, temporaryDir } from '../support/facility.js';
import { start } from '../support/program.js';
import { requested } from '../support/v1.js';
import { at, fails, failsInOneSentence, session, succeeds, succeedsWithJson } from './commands.js';

const encrypting = ['--security', 'tls-psk'];
const key = /^[0-9a-f]{64}\n$/;

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

describe('--key-file', () => {
  let file = '';
  beforeEach(async () => {
    file = path.join(await temporaryDir(), 'stream.key');
  });

  it('S6 S7 hands a new random key from one end to the other by a file that only its user can read', async () => {
    const [producer, consumer] = await Promise.all([
      Facility.start([...encrypting, '--verbose']),
      Facility.start([...encrypting, '--verbose']),
    ]);
    const inbound = await succeeds('s2uc', ['inbound-request', ...at(producer), '--uid', 'handed', '--key-file', file]);
    const written = await readFile(file, 'utf8');
    expect(written).toMatch(key);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const [, listeners = ''] = /outbound-request handed (\S+) --key-file \S+ --s2cs/.exec(inbound.stdout) ?? [];
    const request = ['outbound-request', 'handed', listeners, ...at(consumer), '--key_file', file];
    const outbound = await succeeds('s2uc', request);
    for (const facility of [producer, consumer]) {
      expect((await facility.client().getSession('handed')).security).toBe('tls-psk');
    }
    const logs = await Promise.all(
      [producer, consumer].map(({ stateDir }) => readFile(`${stateDir}/s2ds.log`, 'utf8')),
    );
    const shown = [inbound, outbound].map(({ stdout, stderr }) => stdout + stderr);
    const all = [...logs, ...shown, producer.program.stderr, consumer.program.stderr].join('');
    expect(all).not.toContain(written.trim());
    expect(all).not.toContain('not encrypted');
    // Another stream gets another key.
    const other = `${file}.2`;
    await succeeds('s2uc', ['inbound-request', ...at(producer), '--key-file', other]);
    expect(await readFile(other, 'utf8')).not.toBe(written);
  });

  it('encrypts also where the facility would do without', async () => {
    const facility = await Facility.start();
    const request = ['inbound-request', ...at(facility), '--key-file', file];
    expect((await succeedsWithJson(session, 's2uc', request)).security).toBe('tls-psk');
  });

  it('is what a request lacks at a facility that demands a key', async () => {
    const facility = await Facility.start(encrypting);
    const failure = { code: 2, says: /has none: .*--key-file at both ends/ };
    await Promise.all([
      failsInOneSentence('s2uc', ['inbound-request', ...at(facility)], failure),
      failsInOneSentence('s2uc', ['outbound-request', 'x', '127.0.0.1:7000', ...at(facility)], failure),
    ]);
    const less = ['inbound-request', ...at(facility), '--security', 'none'];
    await failsInOneSentence('s2uc', less, { code: 4, says: /demands tls-psk and grants no none/ });
    await facility.holdsNothing();
  });

  it('is never written over without --force, not even through a link', async () => {
    const facility = await Facility.start();
    await writeFile(file, 'precious');
    const link = `${file}.link`;
    await symlink(`${file}.nowhere`, link);
    const request = (of: string) => ['inbound-request', ...at(facility), '--key-file', of];
    for (const taken of [file, link]) {
      const failure = { code: 2, says: /exists already; choose another file, or replace it with --force/ };
      await failsInOneSentence('s2uc', request(taken), failure);
    }
    expect([await readFile(file, 'utf8'), await exists(`${file}.nowhere`)]).toEqual(['precious', false]);
    await facility.holdsNothing();
    await succeeds('s2uc', [...request(file), '--force']);
    expect(await readFile(file, 'utf8')).toMatch(key);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('goes with a request that fails or is given up, and one that it was to replace stays', async () => {
    const facility = await Facility.start();
    const nobody = ['inbound-request', '--s2cs', '127.0.0.1:1', '--key-file', file];
    await fails('s2uc', nobody, { code: 8, says: /Nothing listens/ });
    expect(await exists(file)).toBe(false);
    const waiting = start('s2uc', ['prod-req', '--uid', 'given-up', ...at(facility), '--key-file', file]);
    await requested(facility, 'given-up');
    expect(await exists(file)).toBe(true);
    await waiting.kill('SIGTERM');
    expect(await exists(file)).toBe(false);
    await writeFile(file, 'precious');
    await fails('s2uc', [...nobody, '--force'], { code: 8, says: /Nothing listens/ });
    expect(await readFile(file, 'utf8')).toBe('precious');
  });

  it('S7 is refused when others could read it or it is no key, and its content is never shown', async () => {
    const secret = 'ab'.repeat(32);
    const request = ['outbound-request', 'x', '127.0.0.1:7000', '--s2cs', '127.0.0.1:1', '--key-file', file];
    const refuse = async (says: RegExp) => {
      const { stderr } = await failsInOneSentence('s2uc', request, { code: 2, says });
      expect(stderr).not.toContain('abab');
    };
    await refuse(/Cannot read --key-file .*ENOENT/);
    await writeFile(file, secret);
    for (const mode of [0o644, 0o640, 0o604]) {
      await chmod(file, mode);
      await refuse(new RegExp(`Others can read --key-file .*\\(mode 0${mode.toString(8)}\\); run "chmod 600`));
    }
    await chmod(file, 0o600);
    for (const wrong of [
      '',
      secret.slice(0, 30),
      `${secret}0`,
      `${secret}\n${secret}`,
      'ab'.repeat(65),
      `0x${secret}`,
    ]) {
      await writeFile(file, wrong);
      await refuse(/holds no key: 32 to 128 hexadecimal digits/);
    }
    const plain = [...request, '--security', 'none'];
    await failsInOneSentence('s2uc', plain, { code: 2, says: /--key-file is of no use with --security none/ });
  });
});
