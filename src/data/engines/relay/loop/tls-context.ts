import type { Secret } from '../../../../core/secret.js';
import { pskIdentity } from '../../../../core/protection.js';
import type { Native } from '../../../../platform/ffi/native.js';
import type { NativeKey, OpenSsl, Pointer } from '../../../../platform/ffi/openssl.js';

const command = { mode: 33, readAhead: 41, sessionCache: 44, minVersion: 123, maxVersion: 124 } as const;
const mode = { partialWrite: 1, movingBuffer: 2, releaseBuffers: 16 } as const;
const tls13 = 0x0304;
/** A key of ours goes with the hash of these two; AES first, as processors have it built in. */
const suites = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256';

/** OpenSSL on one thread, and which key each connection proves. */
export class Tls {
  readonly ssl: OpenSsl;
  readonly #native: Native;
  readonly #keys = new Map<Pointer, NativeKey>();

  constructor(native: Native) {
    this.#native = native;
    this.ssl = native.openSsl((connection, identity) => {
      const found = this.#keys.get(connection);
      // The identity may also be a session ticket of a client that hopes to resume: only the one name counts.
      return identity === undefined || identity === pskIdentity ? found : undefined;
    });
  }

  context(server: boolean, key: Secret): TlsContext {
    return new TlsContext(this, server, this.#nativeKey(key));
  }

  /** From here on, the key answers for the connection. */
  know(connection: Pointer, key: NativeKey): void {
    this.#keys.set(connection, key);
  }

  forget(connection: Pointer): void {
    this.#keys.delete(connection);
  }

  #nativeKey(key: Secret): NativeKey {
    const bytes = key.expose();
    const name = Buffer.from(`${pskIdentity}\0`);
    const memories = { identity: this.#native.allocate(name.length), key: this.#native.allocate(bytes.length) };
    memories.identity.bytes.set(name);
    memories.key.bytes.set(bytes);
    return memories;
  }
}

/** One side's settings for the connections of a forwarder: TLS 1.3 with its key, and nothing else. */
export class TlsContext implements Disposable {
  readonly tls: Tls;
  readonly #server: boolean;
  readonly #key: NativeKey;
  readonly #context: Pointer;

  constructor(tls: Tls, server: boolean, key: NativeKey) {
    const { ssl } = tls;
    this.tls = tls;
    this.#server = server;
    this.#key = key;
    this.#context = made(ssl.newContext(server));
    ssl.contextControl(this.#context, command.minVersion, tls13);
    ssl.contextControl(this.#context, command.maxVersion, tls13);
    ssl.contextControl(this.#context, command.mode, mode.partialWrite | mode.movingBuffer | mode.releaseBuffers);
    // One call of the system for a record, and no larger buffer: OpenSSL would move what is left of it for each record.
    ssl.contextControl(this.#context, command.readAhead, 1);
    ssl.contextControl(this.#context, command.sessionCache, 0);
    ssl.setTickets(this.#context, 0);
    ssl.setSuites(this.#context, suites);
    // A server that cannot prove the key could offer a certificate instead: no authority is trusted here.
    if (!server) ssl.verifyPeer(this.#context);
    ssl.useKeys(this.#context, server);
  }

  /** A connection on the descriptor, before its handshake. */
  open(fd: number): Pointer {
    const { ssl } = this.tls;
    const connection = made(ssl.newConnection(this.#context));
    ssl.setDescriptor(connection, fd);
    if (this.#server) ssl.setAccepting(connection);
    else ssl.setConnecting(connection);
    this.tls.know(connection, this.#key);
    return connection;
  }

  [Symbol.dispose](): void {
    this.tls.ssl.freeContext(this.#context);
    this.#key.key.bytes.fill(0);
  }
}

/** OpenSSL answers 0 when memory is short. */
function made(pointer: Pointer): Pointer {
  if (pointer === 0) throw new Error('OpenSSL has no memory left');
  return pointer;
}
