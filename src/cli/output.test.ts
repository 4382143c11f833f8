import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SessionInfo } from '../client/session-info.js';
import { bytes, listenersLine, note, print, printJson, sessionJson, table, warnUnlessEncrypted } from './output.js';

const session: SessionInfo = {
  uid: 'run-1',
  role: 'PROD',
  s2cs: 'gate.example:5000',
  state: 'active',
  listeners: ['192.0.2.1:5100', '[2001:db8::1]:5101'],
  targets: ['10.0.0.1:7000'],
  transport: 'tcp',
  security: 'none',
  owner: 'alice',
  labels: { job: '1' },
  engine: 'relay',
  gateway: 'gate',
  maxRate: 0n,
  traffic: { bytesIn: 1n },
};

describe('output of the programs', () => {
  let stdout = '';
  let stderr = '';

  beforeEach(() => {
    stdout = stderr = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((stdout += String(text))));
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((stderr += String(text))));
  });

  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('sends results to stdout and everything else to stderr', () => {
    print('a result');
    printJson({ a: [1, 'two'] });
    note('a remark');
    warnUnlessEncrypted(session);
    expect(stdout).toBe('a result\n{"a":[1,"two"]}\n');
    expect(stderr).toBe('a remark\nNote: the data between the facilities is not encrypted.\n');
  });

  it('says nothing about encryption where there is some, or where nobody knows', () => {
    warnUnlessEncrypted({ ...session, security: 'tls-psk' });
    warnUnlessEncrypted({ ...session, security: '' });
    expect(stderr).toBe('');
  });

  it('shows a session to scripts with the keys they rely on, and no others', () => {
    expect(sessionJson(session)).toEqual({
      uid: 'run-1',
      role: 'PROD',
      s2cs: 'gate.example:5000',
      state: 'active',
      listeners: ['192.0.2.1:5100', '[2001:db8::1]:5101'],
      targets: ['10.0.0.1:7000'],
      security: 'none',
      expires: null,
    });
    const expires = new Date('2030-01-02T03:04:05.678Z');
    expect(sessionJson({ ...session, expires })).toMatchObject({ expires: '2030-01-02T03:04:05.678Z' });
  });

  it('S7 shows nothing to scripts that a session may hold beside', () => {
    const withSecrets = { ...session, token: 'secret-token', key: 'secret-key' };
    expect(JSON.stringify(sessionJson(withSecrets))).not.toContain('secret');
  });

  it('writes the line that scripts of the Python tools read', () => {
    expect(listenersLine(['10.0.0.1:5100', '10.0.0.1:5101'])).toBe("Listeners: ['10.0.0.1:5100', '10.0.0.1:5101']");
    expect(listenersLine([])).toBe('Listeners: []');
  });

  it('lines columns up, without blanks at the ends of lines', () => {
    expect(
      table([
        ['UID', 'STATE'],
        ['a-long-uid', 'up'],
      ]),
    ).toBe('UID         STATE\na-long-uid  up');
  });

  it.each([
    [undefined, '-'],
    [0n, '0 B'],
    [999n, '999 B'],
    [1000n, '1.0 kB'],
    [12_345_678n, '12.3 MB'],
    [2n * 10n ** 15n, '2.0 PB'],
    [3n * 10n ** 18n, '3000.0 PB'],
  ])('shows %s bytes as %s', (count, text) => {
    expect(bytes(count)).toBe(text);
  });

  it('never shows a thousand of a unit when there is a larger one', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 18n - 10n ** 14n }), (count) => {
        expect(Number.parseFloat(bytes(count))).toBeLessThan(1000);
      }),
      { examples: [[999_999n], [999_950n], [999_999_999n]] },
    );
  });
});
