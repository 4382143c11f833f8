import { createHash, X509Certificate } from 'node:crypto';
import { copyFile, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ensureCertificate } from '../../src/platform/certificates.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { start } from '../support/program.js';

const announced = z.object({ certificate: z.string(), fingerprint: z.string() });

/** The fingerprint that a server announces. */
function fingerprintOf(facility: Facility): string {
  return announced.parse(JSON.parse(facility.program.stdout)).fingerprint;
}

/** Who may do what with a file. */
async function modeOf(file: string): Promise<number> {
  return (await stat(file)).mode & 0o777;
}

/** Naming the address makes a facility of the tests use a certificate of its own. */
const own = ['--listener-ip', '127.0.0.1'];

describe("a control server's certificate", () => {
  it('is made for its address and localhost, with a key and a folder that are private', async () => {
    const facility = await Facility.start(own, path.join(await temporaryDir(), 'new', 'state'));
    const pem = await readFile(facility.certificate);
    const certificate = new X509Certificate(pem);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('192.0.2.1')).toBeUndefined();
    expect(fingerprintOf(facility)).toBe(certificate.fingerprint256);
    expect(facility.certificate).toBe(path.join(facility.stateDir, 'server.crt'));
    expect(await modeOf(path.join(facility.stateDir, 'server.key'))).toBe(0o600);
    expect(await modeOf(facility.stateDir)).toBe(0o700);
    expect(await modeOf(path.join(facility.stateDir, 's2ds.sock'))).toBe(0o600);
  });

  it('is kept for the next start, and made anew when the server moves to an address that it does not cover', async () => {
    const dir = await temporaryDir();
    const before = await Facility.start(own, dir);
    await before.leavesNothing();
    const after = await Facility.start(own, dir);
    expect(fingerprintOf(after)).toBe(fingerprintOf(before));
    await after.leavesNothing();
    const moved = await Facility.start(['--listener-ip', '127.0.0.2'], dir);
    expect(fingerprintOf(moved)).not.toBe(fingerprintOf(before));
    expect(await moved.client().listSessions()).toEqual([]);
  });

  it('is made anew when a crash has left it with the key of the next one', async () => {
    const [dir, next] = [await temporaryDir(), await temporaryDir()];
    const before = await ensureCertificate(dir, '127.0.0.1');
    await ensureCertificate(next, '127.0.0.1');
    await copyFile(path.join(next, 'server.key'), path.join(dir, 'server.key'));
    const facility = await Facility.start(own, dir);
    expect(fingerprintOf(facility)).not.toBe(before.fingerprint);
    expect(await facility.client().listSessions()).toEqual([]);
    await facility.leavesNothing();
    expect(await ensureCertificate(dir, '127.0.0.1')).toMatchObject({
      ...{ fingerprint: fingerprintOf(facility), created: false },
    });
  });

  it("is the operator's own when there is one", async () => {
    const [dir, stateDir] = [await temporaryDir(), await temporaryDir()];
    await ensureCertificate(dir, '127.0.0.1');
    const [crt, key] = [path.join(dir, 'server.crt'), path.join(dir, 'server.key')];
    const facility = await Facility.start(['--server_crt', crt, '--server_key', key], stateDir);
    const { raw } = new X509Certificate(await readFile(crt));
    const hash = createHash('sha256').update(raw).digest('hex');
    expect(fingerprintOf(facility).replaceAll(':', '').toLowerCase()).toBe(hash);
    expect(facility.certificate).toBe(crt);
    expect(await facility.client().listSessions()).toEqual([]);
    await expect(stat(path.join(stateDir, 'server.key'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is announced to people with its fingerprint, and its key is not', async () => {
    const dir = await temporaryDir();
    const program = start('s2cs', ['--port', '0', '--port-range', '0', '--state-dir', dir]);
    const [, fingerprint] = await program.shows(/^fingerprint ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$/m);
    const { code, stdout, stderr } = await program.kill('SIGTERM');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^s2cs \S+ listens at 127\.0\.0\.1:\d+\ncertificate \S+\/server\.crt \(made now\)\nfingerprint \S+\n$/,
    );
    expect(new X509Certificate(await readFile(path.join(dir, 'server.crt'))).fingerprint256).toBe(fingerprint);
    expect(stdout + stderr).not.toContain('PRIVATE KEY');
  });
});
