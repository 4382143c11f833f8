import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Scope } from '../../src/core/scope.js';
import { certificateName, makeCertificate } from '../support/certificate.js';
import { Child } from '../support/child.js';
import { freePort, host } from '../support/ports.js';
import { locate } from '../support/programs.js';
import type { Arm } from './arm.js';

const patient = ['timeout connect 5s', 'timeout client 1h', 'timeout server 1h', 'option clitcpka', 'option srvtcpka'];
const threads = `nbthread ${availableParallelism()}`;
const cipher = 'ciphersuites TLS_AES_128_GCM_SHA256 ssl-min-ver TLSv1.3';

/** Zero-copy forwarding through pipes as large as an ordinary user may have them: the least CPU that HAProxy can do with. */
export const haproxy: Arm = oneHop('haproxy', 'HAProxy, splice', {
  // More pipes than streams, but not the quarter of all connections that is usual: their descriptors would be missing there.
  global: [threads, 'tune.pipesize 1048576', 'maxpipes 256'],
  defaults: [...patient, 'option splice-request', 'option splice-response'],
});

/** Copying, but much at a time: where memory is fast and CPU is left, this can be the best tuning. */
export const haproxyBuffers: Arm = oneHop('haproxy-buffers', 'HAProxy, 256 KiB buffers', {
  global: [threads, 'tune.bufsize 262144'],
  defaults: patient,
});

/** The settings of the Python implementation's template that concern forwarding: copying, with a buffer of 100 kB. */
export const haproxyUpstream: Arm = oneHop('haproxy-upstream', 'HAProxy, upstream template', {
  global: ['tune.bufsize 100000', 'tune.maxrewrite 32768'],
  defaults: ['option dontlognull', 'timeout connect 5000', 'timeout client 50000', 'timeout server 50000'],
});

/** Two gateways with a certificate. Large buffers make large TLS records and few system calls. */
export const haproxyTls: Arm = {
  name: 'haproxy-tls',
  label: 'HAProxy TLS 1.3',
  needs: ['haproxy', 'openssl'],
  encrypted: true,
  open: async ({ target, folder, signal }, scope) => {
    const { pem, cert } = await makeCertificate(folder, signal);
    const [listener, middle] = [await freePort(), await freePort()];
    const settings = { global: [threads, 'tune.bufsize 262144'], defaults: patient };
    const trust = `ssl verify required ca-file ${cert} verifyhost ${certificateName}`;
    const server = proxy(`${middle} ssl crt ${pem} ${cipher}`, String(target));
    const client = proxy(String(listener), `${middle} ${trust} ${cipher}`);
    const pids = [
      await run('server', folder, settings, server, scope),
      await run('client', folder, settings, client, scope),
    ];
    return { listener, middle, pids };
  },
};

interface Settings {
  readonly global: readonly string[];
  readonly defaults: readonly string[];
}

function oneHop(name: string, label: string, settings: Settings): Arm {
  return {
    name,
    label,
    needs: ['haproxy'],
    open: async ({ target, folder }, scope) => {
      const listener = await freePort();
      const pid = await run(name, folder, settings, proxy(String(listener), String(target)), scope);
      return { listener, pids: [pid] };
    },
  };
}

/** `bind` and `server` are ports, and what else HAProxy is to know of them. */
function proxy(bind: string, server: string): string[] {
  return ['listen stream', `bind ${host}:${bind}`, `server target ${host}:${server}`];
}

async function run(
  name: string,
  folder: string,
  { global, defaults }: Settings,
  listen: readonly string[],
  scope: Scope,
): Promise<number> {
  const file = path.join(folder, `${name}.cfg`);
  await writeFile(file, ['global', ...global, 'defaults', 'mode tcp', ...defaults, ...listen, ''].join('\n'));
  return scope.use(new Child('haproxy', locate('haproxy'), ['-db', '-f', file])).pid;
}
