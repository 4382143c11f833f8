import { createHash, createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { isLoopback, isWildcard } from '../core/endpoint.js';
import { messageOf, SciStreamError } from '../core/errors.js';
import { writePrivate } from './state-dir.js';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const lifetimeMs = 825 * 86_400_000;
const selfMadeName = 'SciStream control server';
/** A certificate this close to its end is replaced at the next start. */
const renewMs = 30 * 86_400_000;

export interface ServerCertificate {
  /** PEM. */
  cert: string;
  key: string;
  /** SHA-256 of the certificate, as `AB:CD:…`. */
  fingerprint: string;
  /** True when this call made it. */
  created: boolean;
}

/** The operator's certificate. Throws BAD_FORMAT when a file cannot be read or the two do not belong together. */
export async function loadCertificate(certFile: string, keyFile: string): Promise<ServerCertificate> {
  const cert = await readPem(certFile, '--server-crt');
  const key = await readPem(keyFile, '--server-key');
  return { ...check(cert, key, certFile, keyFile), created: false };
}

/**
 * The certificate in `dir`, made (self-signed, for `listenerIp` and localhost) when there is none yet, when it does not
 * cover the address, when it is about to expire or when a crash has left it with the key of another one.
 */
export async function ensureCertificate(dir: string, listenerIp: string): Promise<ServerCertificate> {
  const certFile = path.join(dir, 'server.crt');
  const keyFile = path.join(dir, 'server.key');
  const addresses = addressesOf(listenerIp);
  if (existsSync(certFile) && existsSync(keyFile) && !(await isTorn(certFile, keyFile))) {
    const present = await loadCertificate(certFile, keyFile);
    // Interfaces come and go; clients have trusted this certificate for the addresses it has.
    if (serves(present.cert, isWildcard(listenerIp) ? [] : addresses)) return present;
  }
  const { cert, key } = await createCertificate(addresses);
  await writePrivate(keyFile, key);
  await writePrivate(certFile, cert);
  return { ...check(cert, key, certFile, keyFile), created: true };
}

/** True for a certificate that we have made and a key that is not its own: the two files are written one after the other. */
async function isTorn(certFile: string, keyFile: string): Promise<boolean> {
  const [cert, key] = await Promise.all([readPem(certFile, '--server-crt'), readPem(keyFile, '--server-key')]);
  try {
    const certificate = new X509Certificate(cert);
    return certificate.subject.includes(selfMadeName) && !certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    // No PEM: it is for the one to decide who has put it there.
    return false;
  }
}

async function createCertificate(addresses: readonly string[]): Promise<{ cert: string; key: string }> {
  // Half a second of loading that only this one start needs.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const notBefore = new Date(Date.now() - 3_600_000);
  const serialNumber = randomBytes(16).toString('hex');
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber,
    // Its own name: a client that trusts several of our servers finds each certificate by it.
    name: `CN=${selfMadeName} ${serialNumber.slice(0, 8)}`,
    notBefore,
    notAfter: new Date(notBefore.getTime() + lifetimeMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { cert: `${certificate.toString('pem')}\n`, key: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n` };
}

/** What clients may call a server that listens on `listenerIp`. */
function addressesOf(listenerIp: string): string[] {
  if (isLoopback(listenerIp)) return [...new Set([listenerIp, '127.0.0.1', '::1'])];
  if (!isWildcard(listenerIp)) return [listenerIp];
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address }) => address.replace(/%.*$/, ''));
}

function serves(cert: string, addresses: readonly string[]): boolean {
  const certificate = new X509Certificate(cert);
  const lasts = Date.parse(certificate.validTo) - Date.now() > renewMs;
  return lasts && addresses.every((address) => certificate.checkIP(address) !== undefined);
}

function check(cert: string, key: string, certFile: string, keyFile: string): Omit<ServerCertificate, 'created'> {
  try {
    const certificate = new X509Certificate(cert);
    const hash = createHash('sha256').update(certificate.raw).digest('hex').toUpperCase();
    createSecureContext({ cert, key });
    return { cert, key, fingerprint: hash.replace(/(..)(?!$)/g, '$1:') };
  } catch (error) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `${certFile} and ${keyFile} are not a PEM certificate and its private key: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

async function readPem(file: string, flag: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new SciStreamError('BAD_FORMAT', `Cannot read ${flag} ${file}: ${messageOf(error)}`, { cause: error });
  }
}
