import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { until } from '../../../src/core/until.js';
import { DataServer } from '../../support/data-server.js';
import { proxyPackages } from '../../support/processes.js';
import { requirePrograms } from '../../support/requires.js';
import { connect } from '../../support/tcp.js';
import { first } from '../../support/v1.js';

/** What each is sure to print when it is given other targets, fewer ones, and is connected to. */
const engines = [
  { type: 'haproxy-process', line: /\(\d+\) : Server out0\/s1 is going DOWN for maintenance/ },
  { type: 'nginx-process', line: /\[notice\] .*: reconfiguring"/ },
  { type: 'stunnel-process', line: /LOG5\[0\]: Service \[stream-0\] accepted connection from 127\.0\.0\.1/ },
];

/** What a data server has logged over the life of one stream. */
async function logOf(type: string, args: readonly string[], wanted?: RegExp): Promise<string> {
  const server = await DataServer.start({ args });
  const { client, program } = server;
  const protection = type.startsWith('stunnel') ? { security: 'tls-psk', psk: randomBytes(32) } : { security: 'none' };
  const { reservation } = await client.reserve({ type, role: 'PROD', numListeners: 1, ...protection });
  const id = reservation?.id ?? '';
  await client.update({ id, forwards: [{ targets: ['127.0.0.1:1', '127.0.0.1:2'] }] });
  await client.update({ id, forwards: [{ targets: ['127.0.0.1:1'] }] });
  const socket = await connect(first(reservation?.listeners ?? []));
  if (wanted) await until(`a line like ${wanted.source}`, 10_000, () => wanted.test(program.stderr));
  socket.destroy();
  await client.release({ id });
  await server.stop();
  return program.stderr;
}

describe.runIf(requirePrograms(...proxyPackages)).each(engines)(
  'what the program of $type prints',
  ({ type, line }) => {
    it('is in the log of s2ds once with --verbose', async () => {
      const lines = (await logOf(type, ['--verbose'], line)).split('\n').filter((each) => line.test(each));
      expect(lines).toHaveLength(1);
      expect(JSON.parse(first(lines))).toMatchObject({ level: 'debug', reservation: expect.any(String) as string });
    });

    it('is not there without', async () => {
      const log = await logOf(type, []);
      expect(log).toMatch(/"msg":"reserved"/);
      expect(log).not.toMatch(line);
      expect(log).not.toContain('"level":"debug"');
    });
  },
);
