import type { Scope } from '../../src/core/scope.js';
import { openProven, type Arm } from '../arms/arm.js';
import { startNginx } from '../support/nginx.js';
import { accepts, host } from '../support/ports.js';
import { runWrk } from '../support/wrk.js';
import { alternate } from './alternate.js';
import { connections as connectionsMetric, p50, p99, requests } from './metrics.js';
import type { Context, Metric, Sample, Scenario } from './scenario.js';

const pageBytes = 1024;

export interface HttpOptions {
  readonly name: string;
  readonly title: string;
  readonly arms: readonly Arm[];
  /** Those that a quick run leaves out. */
  readonly extraArms: readonly Arm[];
  readonly connections: number;
  /** A connection of its own for every request. */
  readonly close?: boolean;
  readonly quick: boolean;
}

/** Small requests and answers, by wrk from an nginx that has the page in memory. */
export function http({ name, title, arms, extraArms, connections, close = false, quick }: HttpOptions): Scenario {
  const rate = close ? connectionsMetric : requests;
  const headers = close ? ['Connection: close'] : [];
  return {
    name,
    title,
    quick,
    reference: 'haproxy',
    needs: ['wrk', 'nginx'],
    metrics: [rate, p50, p99],
    run: (context) => {
      const { seconds, signal } = context;
      return alternate(
        context.quick ? arms : [...arms, ...extraArms],
        {
          open: async (arm, folder, scope) => {
            const { listener, target } = await openProven(arm, { transport: 'tcp', folder, signal }, scope);
            await startBackend(target, folder, scope, context);
            return listener;
          },
          measure: async (port) => sampleOf(rate, await runWrk({ port, connections, seconds, headers, signal })),
        },
        context,
      );
    },
  };
}

function sampleOf(rate: Metric, { requestsPerSecond, p50Ms, p99Ms }: Awaited<ReturnType<typeof runWrk>>): Sample {
  return { [rate.key]: requestsPerSecond, [p50.key]: p50Ms, [p99.key]: p99Ms };
}

async function startBackend(port: number, folder: string, scope: Scope, { signal }: Context): Promise<void> {
  const backend = await startNginx(
    {
      name: 'backend',
      folder,
      kind: 'http',
      settings: [
        'access_log off;',
        'keepalive_requests 1000000000;',
        ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`),
      ],
      server: [`listen ${host}:${port};`, `location / { return 200 "${'x'.repeat(pageBytes)}"; }`],
    },
    scope,
  );
  await backend.ready('its port', () => accepts(port), signal);
}
