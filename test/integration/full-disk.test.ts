import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../src/core/until.js';
import { DataService } from '../../src/gen/scistream/data/v1/data_pb.js';
import { RpcConnection } from '../../src/platform/rpc-client.js';
import { isServed } from '../../src/platform/state-dir.js';
import { freePort } from '../support/engine.js';
import { temporaryDir } from '../support/facility.js';
import { bin, Program } from '../support/program.js';
import { connect, exchange, saying } from '../support/tcp.js';
import { first } from '../support/v1.js';

/** Every write to it fails as on a full disk. */
const full = '/dev/full';

describe.runIf(existsSync(full))('a data server whose log is on a full disk', () => {
  it('goes on, whatever it has to tell', async () => {
    const socket = path.join(await temporaryDir(), 's2ds.sock');
    const args = ['--socket', socket, '--port-range', '0', '--verbose'];
    const program = new Program('sh', ['-c', `exec "$@" 2> ${full}`, 'sh', process.execPath, bin('s2ds'), ...args]);
    await until('the data server', 10_000, () => isServed(socket));
    const connection = new RpcConnection({ target: { path: socket }, timeoutMs: 10_000 });
    onTestFinished(() => {
      connection[Symbol.dispose]();
    });
    const client = connection.client(DataService);
    const { reservation } = await client.reserve({ type: 'relay', role: 'PROD', numListeners: 1, security: 'none' });
    const [id, address] = [reservation?.id ?? '', first(reservation?.listeners ?? [])];
    await client.update({ id, forwards: [{ targets: [`127.0.0.1:${await freePort()}`] }] });
    // A target that refuses is told of.
    const refused = await connect(address);
    refused.resume();
    refused.on('error', () => undefined);
    await until('the end of a connection without target', 5_000, () => refused.destroyed);
    await client.update({ id, forwards: [{ targets: [(await saying('still here')).address] }] });
    expect(await exchange(address, '')).toBe('still here');
    expect((await client.list({})).reservations).toHaveLength(1);
    expect(program.process.exitCode).toBeNull();
  });
});
