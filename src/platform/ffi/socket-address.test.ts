import { networkInterfaces } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes, SocketAddress } from './socket-address.js';

function roundTrip(host: string, port: number): { host: string; port: number } | undefined {
  const bytes = Buffer.alloc(addressBytes + 8, 0xff);
  SocketAddress.of({ host, port }).bytes.copy(bytes, 4);
  return SocketAddress.read(bytes, 4)?.endpoint;
}

describe('a socket address', () => {
  it('is what the kernel expects', () => {
    const inet = SocketAddress.of({ host: '192.0.2.7', port: 443 });
    expect(inet.length).toBe(16);
    expect(inet.bytes.toString('hex', 0, 8)).toBe('020001bbc0000207');
    const inet6 = SocketAddress.of({ host: '2001:db8::7', port: 443 });
    expect(inet6.length).toBe(28);
    expect(inet6.bytes.toString('hex')).toBe('0a0001bb0000000020010db800000000000000000000000700000000');
  });

  it('is not there where none was written', () => {
    expect(SocketAddress.read(Buffer.alloc(addressBytes), 0)).toBeUndefined();
  });

  it.each([
    '0.0.0.0',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    '2001:db8::1:0:0:1',
    '1::',
    '1:2:3:4:5:6:7:8',
    'fe80::1%7',
  ])('%s is read as it was written', (host) => {
    expect(roundTrip(host, 65_535)).toEqual({ host, port: 65_535 });
  });

  it('understands an IPv6 address that ends in an IPv4 one', () => {
    expect(roundTrip('::ffff:192.0.2.7', 80)?.host).toBe('::ffff:c000:207');
  });

  it('keeps the interface of a link-local address, by its name too', () => {
    for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
      for (const address of addresses) {
        if (address.family !== 'IPv6' || !address.address.startsWith('fe80:')) continue;
        expect(roundTrip(`${address.address}%${name}`, 1)?.host).toBe(`${address.address}%${address.scopeid}`);
      }
    }
    expect(roundTrip('fe80::2%no-such-interface', 1)?.host).toBe('fe80::2');
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
        const once = roundTrip(host, 1)?.host;
        expect(new URL(`http://[${once}]/`).hostname).toBe(new URL(`http://[${host}]/`).hostname);
      }),
    );
  });
});
