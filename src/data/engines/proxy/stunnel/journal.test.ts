import { describe, expect, it } from 'vitest';
import { Journal } from './journal.js';

/** From stunnel 5.68: one connection served, one refused for its key, one without a target, one still open. */
const log = `2026.11.21 15:54:30 LOG5[ui]: stunnel 5.68 on x86_64-pc-linux-gnu platform
2026.11.21 15:54:30 LOG5[ui]: Reading configuration from file /run/s/stunnel.conf
2026.11.21 15:54:30 LOG3[ui]: No trusted certificates found
2026.11.21 15:54:30 LOG5[ui]: Configuration successful
2026.11.21 15:54:30 LOG6[ui]: Service [stream-0] (FD=8) bound to 127.0.0.1:17002
2026.11.21 15:54:31 LOG5[0]: Service [stream-0] accepted connection from 127.0.0.1:53290
2026.11.21 15:54:31 LOG5[0]: Key configured for PSK identity "client1"
2026.11.21 15:54:31 LOG3[0]: s_connect: connect 127.0.0.1:17009: Connection refused (111)
2026.11.21 15:54:31 LOG5[0]: s_connect: connected 127.0.0.1:17001
2026.11.21 15:54:31 LOG5[0]: Service [stream-0] connected remote server from 127.0.0.1:46930
2026.11.21 15:54:31 LOG5[0]: Connection closed: 7 byte(s) sent to TLS, 5 byte(s) sent to socket
2026.11.21 15:54:31 LOG5[1]: Service [stream-0] accepted connection from 127.0.0.1:53308
2026.11.21 15:54:31 LOG5[1]: Key configured for PSK identity "client1"
2026.11.21 15:54:31 LOG3[1]: SSL_accept: ../ssl/statem/extensions.c:1578: error:0A0000FD:SSL routines::binder does not verify
2026.11.21 15:54:31 LOG5[1]: Connection reset/closed: 0 byte(s) sent to TLS, 0 byte(s) sent to socket
2026.11.21 15:54:31 LOG5[2]: Service [stream-0] accepted connection from 127.0.0.1:53318
2026.11.21 15:54:31 LOG3[2]: s_connect: connect 127.0.0.1:17009: Connection refused (111)
2026.11.21 15:54:31 LOG3[2]: No more addresses to connect
2026.11.21 15:54:31 LOG5[2]: Connection reset: 0 byte(s) sent to TLS, 0 byte(s) sent to socket
2026.11.21 15:54:31 LOG5[3]: Service [stream-0] accepted connection from ::1:51004
2026.11.21 15:54:31 LOG5[3]: s_connect: connected ::1:17001
2026.11.21 15:54:31 LOG5[3]: Service [stream-0] connected remote server from ::1:57984`;

const told = {
  totalConnections: 4,
  refusedConnections: 1,
  failedHandshakes: 1,
  bytesIn: 5,
  bytesOut: 7,
  accepted: 1,
  bound: 1,
};

describe("stunnel's log", () => {
  it('tells what became of every connection', () => {
    const journal = read(log);
    expect(journal).toMatchObject(told);
    expect([...journal.open]).toEqual([
      [
        '3',
        {
          stream: 0,
          client: { host: '::1', port: 51004 },
          target: { host: '::1', port: 17001 },
          local: { host: '::1', port: 57984 },
          unproved: false,
        },
      ],
    ]);
  });

  it('can be saved and restored', () => {
    const journal = new Journal(false);
    journal.restore(read(log).save());
    expect(journal).toMatchObject(told);
    expect(journal.open.size).toBe(1);
    journal.feed('2026.11.21 15:54:32 LOG5[3]: Connection closed: 3 byte(s) sent to TLS, 2 byte(s) sent to socket');
    expect(journal).toMatchObject({ bytesIn: 7, bytesOut: 10 });
    expect(journal.open.size).toBe(0);
  });

  it('counts from zero when the program has been started again', () => {
    const journal = read(`${log}\n2026.11.21 15:55:00 LOG5[ui]: stunnel 5.68 on x86_64-pc-linux-gnu platform`);
    expect(journal).toMatchObject({ totalConnections: 0, bytesIn: 0, accepted: 0, bound: 0 });
    expect(journal.open.size).toBe(0);
  });

  it('tells why a configuration is refused, and nothing that is said of each', () => {
    const journal = read(`${log}
2026.11.21 15:55:00 LOG5[ui]: Reading configuration from file /run/s/stunnel.conf
2026.11.21 15:55:00 LOG3[ui]: No trusted certificates found
2026.11.21 15:55:00 LOG3[ui]: /run/s/stunnel.conf:19: "x": No '=' found
2026.11.21 15:55:00 LOG3[ui]: Configuration failed
2026.11.21 15:55:00 LOG3[ui]: Failed to reload the configuration file`);
    expect(journal).toMatchObject({ accepted: 1, refused: 1, bound: 1 });
    expect(journal.troubles).toEqual([`/run/s/stunnel.conf:19: "x": No '=' found`]);
  });
});

function read(text: string): Journal {
  const journal = new Journal(false);
  for (const line of text.split('\n')) journal.feed(line);
  return journal;
}
