import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from './child.js';
import { locate } from './programs.js';

const makingMs = 20_000;

/** The name that the certificate is for. */
export const certificateName = 'localhost';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Both in one file. */
  readonly pem: string;
}

/** Makes a certificate for this run, signed by itself. */
export async function makeCertificate(folder: string, signal: AbortSignal): Promise<Certificate> {
  const files = { cert: path.join(folder, 'cert'), key: path.join(folder, 'key'), pem: path.join(folder, 'pem') };
  const args = [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
    ...['-subj', `/CN=${certificateName}`, '-addext', `subjectAltName=DNS:${certificateName}`],
    ...['-keyout', files.key, '-out', files.cert],
  ];
  await runProgram('openssl', locate('openssl'), args, { timeoutMs: makingMs, signal });
  const parts = await Promise.all([readFile(files.cert, 'utf8'), readFile(files.key, 'utf8')]);
  await writeFile(files.pem, parts.join(''), { mode: 0o600 });
  return files;
}
