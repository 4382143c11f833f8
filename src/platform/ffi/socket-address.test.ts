import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes, readAddress, writeAddress } from './socket-address.js';

function roundTrip(host: string, port: number): { host: string; port: number } {
  const bytes = Buffer.alloc(addressBytes + 8, 0xff);
  writeAddress(bytes, 4, { host, port });
  return readAddress(bytes, 4);
}

describe('a socket address', () => {
  it('is what the kernel expects', () => {
    const bytes = Buffer.alloc(addressBytes);
    expect(writeAddress(bytes, 0, { host: '192.0.2.7', port: 443 })).toBe(16);
    expect(bytes.toString('hex', 0, 8)).toBe('020001bbc0000207');
    expect(writeAddress(bytes, 0, { host: '2001:db8::7', port: 443 })).toBe(28);
    expect(bytes.toString('hex', 0, 24)).toBe('0a0001bb0000000020010db8000000000000000000000007');
  });

  it.each(['0.0.0.0', '255.255.255.255', '::', '::1', 'fe80::1', '2001:db8::1:0:0:1', '1::', '1:2:3:4:5:6:7:8'])(
    '%s is read as it was written',
    (host) => {
      expect(roundTrip(host, 65_535)).toEqual({ host, port: 65_535 });
    },
  );

  it('understands an IPv6 address that ends in an IPv4 one', () => {
    expect(roundTrip('::ffff:192.0.2.7', 80).host).toBe('::ffff:c000:207');
  });

  it('keeps every IPv4 address', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 65_535 }), (host, port) => {
        expect(roundTrip(host, port)).toEqual({ host, port });
      }),
    );
  });

  it('keeps every IPv6 address, however it is written', () => {
    fc.assert(
      fc.property(fc.ipV6(), (host) => {
        const once = roundTrip(host, 1).host;
        expect(new URL(`http://[${once}]/`).hostname).toBe(new URL(`http://[${host}]/`).hostname);
      }),
    );
  });
});
