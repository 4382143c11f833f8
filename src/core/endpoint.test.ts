import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatEndpoint, parseEndpoint, parseEndpoints, parseIp, parseListenPort } from './endpoint.js';

const port = fc.integer({ min: 1, max: 65535 });
const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());

describe('endpoint', () => {
  it('R17 reads back every address it writes: IPv4, IPv6 in brackets and names', () => {
    fc.assert(
      fc.property(host, port, (h, p) => {
        expect(parseEndpoint(formatEndpoint({ host: h, port: p }))).toEqual({ host: h, port: p });
      }),
    );
  });

  it('S2 either refuses a text or is left with a host and a port that hold nothing else', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('1', '.', ':', '[', ']', 'a', '\n', ' ', '-') }),
    );
    fc.assert(
      fc.property(text, (value) => {
        let parsed;
        try {
          parsed = parseEndpoint(value);
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_FORMAT' });
          return;
        }
        expect(parsed.host).toMatch(/^[A-Za-z0-9._:-]+$/);
        expect(parsed.port).toBeGreaterThan(0);
        expect(parsed.port).toBeLessThan(65536);
        expect(formatEndpoint(parsed)).toBe(value);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '',
    '127.0.0.1',
    '127.0.0.1:',
    ':5000',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '127.0.0.1:05000',
    '127.0.0.1:5e3',
    '300.0.0.1:80',
    '1.2.3:80',
    '2001:db8::1:80',
    '[2001:db8::1]',
    '[127.0.0.1]:80',
    'host name:80',
    'host\nexec=/bin/sh:80',
    'a:80,b:81',
    '-host:80',
  ])('refuses %j and repeats it', (text) => {
    expect(() => parseEndpoint(text)).toThrow(expect.objectContaining({ code: 'BAD_FORMAT' }) as Error);
    expect(() => parseEndpoint(text)).toThrow(JSON.stringify(text));
  });

  it('splits lists and refuses empty ones', () => {
    expect(parseEndpoints('a.example:1, [::1]:2')).toEqual([
      { host: 'a.example', port: 1 },
      { host: '::1', port: 2 },
    ]);
    expect(() => parseEndpoints([])).toThrow('At least one');
    expect(() => parseEndpoints('a:1,,b:2')).toThrow('host:port');
  });

  it('lets only listeners have port 0, and only addresses be listened on', () => {
    expect(parseListenPort('0')).toBe(0);
    expect(parseIp('[::1]')).toBe('::1');
    expect(() => parseIp('localhost')).toThrow('not an IP address');
  });
});
