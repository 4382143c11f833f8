import { randomBytes } from 'node:crypto';

/** X.509 version 1, Ed25519, CN=nobody, without the key and the signature that end it. */
const subject = '3011310f300d06035504030c066e6f626f6479';
const algorithm = '300506032b6570';
const validity = '301e170d3030303130313030303030305a170d3439313233313233353935395a';
const untilKey = `307c020101${algorithm}${subject}${validity}${subject}302a${algorithm}032100`;

/**
 * A certificate that nobody can show, as its public key is random: PEM. In TLS 1.3 a server may pass over the key that a client
 * offers and show a certificate instead, and stunnel accepts any, unless it is told to accept a certain one only.
 */
export function nobodysCertificate(): string {
  const signed = Buffer.concat([Buffer.from(untilKey, 'hex'), randomBytes(32)]);
  const signature = Buffer.concat([Buffer.from(`${algorithm}034100`, 'hex'), randomBytes(64)]);
  const certificate = Buffer.concat([Buffer.from('3081c8', 'hex'), signed, signature]);
  const lines = certificate.toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
