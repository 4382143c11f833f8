import net from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseEndpoint } from '../../src/core/endpoint.js';
import { until } from '../../src/core/until.js';
import { ControlService } from '../../src/gen/scistream/control/v2/control_pb.js';
import { RpcConnection } from '../../src/platform/rpc-client.js';
import { Facility } from '../support/facility.js';
import { serve } from '../support/tcp.js';

/** A way to a facility that can swallow everything, as a network does behind which a machine has lost its power. */
async function way(facility: Facility) {
  const state = { silent: false, chunks: 0 };
  const proxy = await serve((socket) => {
    const far = net.connect(facility.port, facility.host);
    onTestFinished(() => void far.destroy());
    far.on('error', () => undefined).on('close', () => socket.destroy());
    socket.on('close', () => far.destroy());
    const pass = (to: net.Socket) => (data: Buffer) => {
      state.chunks++;
      if (!state.silent) to.write(data);
    };
    socket.on('data', pass(far));
    far.on('data', pass(socket));
  });
  const { ca = '' } = facility.server;
  const connection = new RpcConnection({
    ...{ target: parseEndpoint(proxy.address), tls: { ca }, timeoutMs: 10_000 },
    ...{ pingIntervalMs: 50, pingTimeoutMs: 500 },
  });
  onTestFinished(() => {
    connection[Symbol.dispose]();
  });
  return { state, v2: connection.client(ControlService), address: proxy.address };
}

describe('a call that has no end of its own', () => {
  it('fails when its server vanishes without a word', async () => {
    const facility = await Facility.start(['--type', 'mock']);
    await facility.client().createSession({ uid: 'x', role: 'PROD', targets: ['127.0.0.1:7000'] });
    const { state, v2, address } = await way(facility);
    const watching = v2.watchSessions({}, { timeoutMs: 0 })[Symbol.asyncIterator]();
    expect((await watching.next()).value).toMatchObject({ event: { case: 'session' } });
    state.silent = true;
    const end = (async () => {
      while (!(await watching.next()).done);
    })();
    await expect(end).rejects.toMatchObject({ code: 'CONN_ERROR', message: `${address} does not answer any more.` });
  });

  it('goes on while its server is only silent', async () => {
    const facility = await Facility.start(['--type', 'mock']);
    const { state, v2 } = await way(facility);
    const answer = (async () => {
      for await (const { event } of v2.watchSessions({}, { timeoutMs: 0 })) {
        if (event.case === 'session') return event.value.uid;
      }
      return 'none';
    })();
    await until('the pings that were answered', 5_000, () => state.chunks > 40);
    await facility.client().createSession({ uid: 'x', role: 'PROD', targets: ['127.0.0.1:7000'] });
    expect(await answer).toBe('x');
  });

  it('cannot be given more time than gRPC can tell', async () => {
    const { v2 } = await way(await Facility.start(['--type', 'mock']));
    await expect(v2.getFacility({}, { timeoutMs: 30 * 86_400_000 })).rejects.toMatchObject({
      ...{ code: 'BAD_FORMAT', message: 'A call may take at most 1d, not 30d; give it less time.' },
    });
    expect((await v2.getFacility({}, { timeoutMs: 86_400_000 })).defaultType).toBe('mock');
  });
});
