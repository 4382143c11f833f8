import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Scope } from '../../src/core/scope.js';
import { Child } from './child.js';
import { locate } from './programs.js';

export interface NginxServer {
  /** Of its files in `folder`. */
  readonly name: string;
  readonly folder: string;
  readonly modules?: readonly string[];
  readonly kind: 'stream' | 'http';
  /** Directives beside the `server`. */
  readonly settings?: readonly string[];
  readonly server: readonly string[];
}

/** Starts nginx in the foreground, with nothing of the system's own configuration, and answers its main process. */
export async function startNginx(
  { name, folder, modules = [], kind, settings = [], server }: NginxServer,
  scope: Scope,
): Promise<Child> {
  const file = path.join(folder, `${name}.conf`);
  const lines = [
    ...modules,
    'daemon off;',
    'worker_processes auto;',
    'error_log stderr;',
    `pid ${path.join(folder, `${name}.pid`)};`,
    'events { worker_connections 4096; }',
    `${kind} {`,
    ...settings,
    'server {',
    ...server,
    '} }',
    '',
  ];
  await writeFile(file, lines.join('\n'));
  return scope.use(new Child('nginx', locate('nginx'), ['-p', folder, '-e', 'stderr', '-c', file]));
}
