import type net from 'node:net';
import tls from 'node:tls';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { pskIdentity } from '../../src/core/protection.js';
import { connect } from './tcp.js';

export interface PskOptions extends tls.ConnectionOptions {
  readonly identity?: string;
}

/** A TLS 1.3 client that shows a key and asks for nothing more; `options` may make it worse. */
export async function connectPsk(
  address: string,
  key: Uint8Array,
  { identity = pskIdentity, ...options }: PskOptions = {},
): Promise<tls.TLSSocket> {
  const { secured } = await beginPsk(address, key, { identity, ...options });
  await once(secured, 'secureConnect');
  return secured;
}

/** The same before the handshake, with the socket below it. */
export async function beginPsk(
  address: string,
  key: Uint8Array,
  { identity = pskIdentity, ...options }: PskOptions = {},
): Promise<{ secured: tls.TLSSocket; socket: net.Socket }> {
  const socket = await connect(address);
  const half = { allowHalfOpen: true };
  const secured = tls.connect({
    socket,
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    pskCallback: () => ({ psk: key, identity }),
    checkServerIdentity: () => undefined,
    ...half,
    ...options,
  });
  secured.on('error', () => undefined);
  onTestFinished(() => {
    secured.destroy();
  });
  return { secured, socket };
}
