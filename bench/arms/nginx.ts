import type { Scope } from '../../src/core/scope.js';
import { certificateName, makeCertificate } from '../support/certificate.js';
import { startNginx } from '../support/nginx.js';
import { freePort, host } from '../support/ports.js';
import { nginxStreamModule } from '../support/programs.js';
import type { Arm } from './arm.js';

const largeBuffers = ['proxy_buffer_size 256k;', 'tcp_nodelay on;'];

/** TCP or UDP. */
export const nginxStream: Arm = {
  name: 'nginx',
  label: 'nginx stream',
  needs: ['nginx', nginxStreamModule],
  open: async ({ target, transport, folder }, scope) => {
    const listener = await freePort();
    const udp = transport === 'udp' ? ' udp' : '';
    const buffers = transport === 'udp' ? [] : largeBuffers;
    const lines = [`listen ${host}:${listener}${udp};`, `proxy_pass ${host}:${target};`, ...buffers];
    return { listener, pids: [await runStream('one-hop', folder, lines, scope)] };
  },
};

/** Two gateways with a certificate. */
export const nginxTls: Arm = {
  name: 'nginx-tls',
  label: 'nginx stream TLS 1.3',
  needs: ['nginx', nginxStreamModule, 'openssl'],
  encrypted: true,
  open: async ({ target, folder, signal }, scope) => {
    const { cert, key } = await makeCertificate(folder, signal);
    const [listener, middle] = [await freePort(), await freePort()];
    const server = [
      `listen ${host}:${middle} ssl;`,
      `ssl_certificate ${cert};`,
      `ssl_certificate_key ${key};`,
      'ssl_protocols TLSv1.3;',
      'ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;',
      `proxy_pass ${host}:${target};`,
      ...largeBuffers,
    ];
    const client = [
      `listen ${host}:${listener};`,
      `proxy_pass ${host}:${middle};`,
      'proxy_ssl on;',
      'proxy_ssl_protocols TLSv1.3;',
      'proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;',
      'proxy_ssl_verify on;',
      `proxy_ssl_name ${certificateName};`,
      `proxy_ssl_trusted_certificate ${cert};`,
      ...largeBuffers,
    ];
    const pids = [await runStream('server', folder, server, scope), await runStream('client', folder, client, scope)];
    return { listener, middle, pids };
  },
};

async function runStream(name: string, folder: string, server: readonly string[], scope: Scope): Promise<number> {
  const modules = [`load_module ${nginxStreamModule};`];
  const { pid } = await startNginx({ name, folder, modules, kind: 'stream', server }, scope);
  return pid;
}
