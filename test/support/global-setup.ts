import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { ensureCertificate } from '../../src/platform/certificates.js';
import { stopSharedEngine } from './docker.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Files of a certificate for 127.0.0.1, ::1 and localhost. */
    certificate: { cert: string; key: string };
    /** Where the tests that need a Docker Engine start one for all. */
    dockerDir: string;
  }
}

/** Once for all tests: the programs must have been built, and a certificate is made for them to share. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!existsSync('dist/cli/s2cs.js')) throw new Error('The programs have not been built: run "npm run build" first.');
  const dir = await mkdtemp(path.join(tmpdir(), 'scistream-test-'));
  await ensureCertificate(dir, '127.0.0.1');
  project.provide('certificate', { cert: path.join(dir, 'server.crt'), key: path.join(dir, 'server.key') });
  const dockerDir = path.join(dir, 'docker');
  project.provide('dockerDir', dockerDir);
  return async () => {
    await stopSharedEngine(dockerDir);
    await rm(dir, { recursive: true, force: true });
  };
}
