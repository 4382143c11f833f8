import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import type { Scope } from '../../src/core/scope.js';
import type { Arm } from '../arms/arm.js';
import { DataServer } from '../support/data-server.js';
import { EchoServer } from '../support/echo.js';
import { host } from '../support/ports.js';
import { nginxStreamModule, type ProgramName } from '../support/programs.js';
import { percentile } from '../support/statistics.js';
import { alternate } from './alternate.js';
import { p50, p99, release } from './metrics.js';
import type { Sample, Scenario } from './scenario.js';

const quickCycles = 5;
const fullCycles = 20;

/** A data server type; `encrypted`: it has no other leg than one of TLS. */
interface TypeArm {
  readonly type: string;
  readonly label: string;
  readonly needs: readonly ProgramName[];
  readonly encrypted?: true;
}

const types: readonly TypeArm[] = [
  { type: 'relay', label: 'relay', needs: [] },
  { type: 'haproxy-process', label: 'HAProxy, process', needs: ['haproxy'] },
  { type: 'nginx-process', label: 'nginx, process', needs: ['nginx', nginxStreamModule] },
  { type: 'stunnel-process', label: 'stunnel, process', needs: ['stunnel'], encrypted: true },
  { type: 'haproxy-docker', label: 'HAProxy, Docker', needs: [] },
  { type: 'nginx-docker', label: 'nginx, Docker', needs: [] },
  { type: 'stunnel-docker', label: 'stunnel, Docker', needs: [], encrypted: true },
];

/** How long a user waits for a stream: from Update, which starts the proxy, to the first byte through it. */
export const firstByte: Scenario = {
  name: 'first-byte',
  title: 'From Update to the first byte back, through a proxy that Update starts; then Release',
  quick: true,
  reference: 'relay',
  needs: [],
  metrics: [p50, p99, release],
  run: (context) => {
    const cycles = context.quick ? quickCycles : fullCycles;
    const { signal, containers } = context;
    return alternate(
      types.map(armOf),
      {
        open: async (arm, folder, scope) => {
          const chosen = types.find(({ type }) => type === arm.name) ?? types[0];
          if (!chosen) throw new Error('no type');
          const server = await DataServer.start({ folder, portable: false, name: 'agent', containers }, scope, signal);
          await server.assertAvailable(chosen.type);
          return { server, ...(await destination(server, chosen, scope)), type: chosen.type };
        },
        measure: async ({ server, type, target, psk }) => {
          const samples: { opening: number; closing: number }[] = [];
          for (let cycle = 0; cycle < cycles; cycle++) {
            signal.throwIfAborted();
            samples.push(await open(server, type, target, psk));
          }
          return sampleOf(samples);
        },
      },
      context,
    );
  },
};

function armOf({ type, label, needs }: TypeArm): Arm {
  return { name: type, label, needs, open: () => Promise.reject(new Error('is opened by its scenario')) };
}

/** An echo server, behind a relay that speaks TLS when the type does. */
async function destination(
  server: DataServer,
  { encrypted }: TypeArm,
  scope: Scope,
): Promise<{ target: number; psk?: Buffer }> {
  const echo = scope.use(await EchoServer.listen('tcp'));
  if (!encrypted) return { target: echo.port };
  const psk = randomBytes(32);
  const { port } = await server.forward({ role: 'PROD', psk }, echo.port);
  return { target: port, psk };
}

async function open(
  server: DataServer,
  type: string,
  target: number,
  psk: Buffer | undefined,
): Promise<{ opening: number; closing: number }> {
  const reserved = await server.reserve({ type, role: psk ? 'CONS' : 'PROD', ...(psk ? { psk } : {}) });
  const start = performance.now();
  await server.point(reserved.id, target);
  await firstByteFrom(reserved.port);
  const open = performance.now();
  await server.release(reserved.id);
  return { opening: open - start, closing: performance.now() - open };
}

async function firstByteFrom(port: number): Promise<void> {
  const socket = net.connect(port, host);
  try {
    socket.write('?');
    await once(socket, 'data');
  } finally {
    socket.destroy();
  }
}

function sampleOf(samples: readonly { opening: number; closing: number }[]): Sample {
  const opening = samples.map((sample) => sample.opening);
  return {
    [p50.key]: percentile(opening, 0.5),
    [p99.key]: percentile(opening, 0.99),
    [release.key]: percentile(
      samples.map(({ closing }) => closing),
      0.5,
    ),
  };
}
