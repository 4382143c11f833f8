import type koffi from 'koffi';
import type { Library } from './library.js';
import { addressIn, type Memory } from './memory.js';

/** Address of an object that OpenSSL owns. */
export type Pointer = number;

/** A key as it is copied into OpenSSL; `identity` ends with a zero byte. */
export interface NativeKey {
  readonly identity: Memory;
  readonly key: Memory;
}

/** Finds the key of a connection during its handshake; `identity` is what a client claims, undefined when we are it. */
export type FindKey = (ssl: Pointer, identity: string | undefined) => NativeKey | undefined;

/** What SSL_get_error says. */
export const sslError = { ssl: 1, wantRead: 2, wantWrite: 3, syscall: 5, closed: 6 } as const;

/** The part of OpenSSL that a TLS 1.3 leg needs. Pointers come from these calls alone and go to them alone. */
export interface OpenSsl {
  newContext(server: boolean): Pointer;
  freeContext(context: Pointer): void;
  contextControl(context: Pointer, command: number, value: number): number;
  /** Only these suites of TLS 1.3. Answers 0 when one is unknown. */
  setSuites(context: Pointer, names: string): number;
  setTickets(context: Pointer, count: number): number;
  /** Demands a certificate that a trusted authority has signed from whoever does not prove the key. */
  verifyPeer(context: Pointer): void;
  /** Asks the one `FindKey` of this thread for the keys of the context's connections. */
  useKeys(context: Pointer, server: boolean): void;
  newConnection(context: Pointer): Pointer;
  freeConnection(ssl: Pointer): void;
  setDescriptor(ssl: Pointer, fd: number): number;
  setAccepting(ssl: Pointer): void;
  setConnecting(ssl: Pointer): void;
  handshake(ssl: Pointer): number;
  /** 1 when the key was used, which in TLS 1.3 counts as a resumed session. */
  keyUsed(ssl: Pointer): number;
  read(ssl: Pointer, memory: Memory, offset: number, length: number): number;
  write(ssl: Pointer, memory: Memory, offset: number, length: number): number;
  shutdown(ssl: Pointer): number;
  errorOf(ssl: Pointer, answer: number): number;
  clearErrors(): void;
  /** The oldest error of this thread, 0 when there is none. */
  takeError(): number;
  describe(error: number): string;
}

const verifyPeerMode = 1;

export function bindOpenSsl(
  ffi: typeof koffi,
  { bind }: Library,
  allocate: (size: number) => Memory,
  findKey: FindKey,
): OpenSsl {
  const pointer = 'uintptr_t';
  const clientMethod = bind('TLS_client_method', pointer, []);
  const serverMethod = bind('TLS_server_method', pointer, []);
  const newContext = bind('SSL_CTX_new', pointer, [pointer]);
  const freeContext = bind('SSL_CTX_free', 'void', [pointer]);
  const contextControl = bind('SSL_CTX_ctrl', 'long', [pointer, 'int', 'long', pointer]);
  const setSuites = bind('SSL_CTX_set_ciphersuites', 'int', [pointer, 'const char *']);
  const setTickets = bind('SSL_CTX_set_num_tickets', 'int', [pointer, 'size_t']);
  const setVerify = bind('SSL_CTX_set_verify', 'void', [pointer, 'int', pointer]);
  const newConnection = bind('SSL_new', pointer, [pointer]);
  const freeConnection = bind('SSL_free', 'void', [pointer]);
  const setDescriptor = bind('SSL_set_fd', 'int', [pointer, 'int']);
  const setAccepting = bind('SSL_set_accept_state', 'void', [pointer]);
  const setConnecting = bind('SSL_set_connect_state', 'void', [pointer]);
  const handshake = bind('SSL_do_handshake', 'int', [pointer]);
  const reused = bind('SSL_session_reused', 'int', [pointer]);
  const read = bind('SSL_read', 'int', [pointer, pointer, 'int']);
  const write = bind('SSL_write', 'int', [pointer, pointer, 'int']);
  const shutdown = bind('SSL_shutdown', 'int', [pointer]);
  const errorOf = bind('SSL_get_error', 'int', [pointer, 'int']);
  const clearErrors = bind('ERR_clear_error', 'void', []);
  const takeError = bind('ERR_get_error', 'ulong', []);
  const errorText = bind('ERR_error_string_n', 'void', ['ulong', pointer, 'size_t']);
  const copy = bind('memcpy', pointer, [pointer, pointer, 'size_t']);
  const setServer = bind('SSL_CTX_set_psk_server_callback', 'void', [pointer, pointer]);
  const setClient = bind('SSL_CTX_set_psk_client_callback', 'void', [pointer, pointer]);
  const put = (target: Pointer, room: number, { bytes, address }: Memory): number => {
    if (bytes.length > room) return 0;
    copy(target, address, bytes.length);
    return bytes.length;
  };
  const onServer = (ssl: Pointer, identity: string, psk: Pointer, room: number): number => {
    const found = findKey(ssl, identity);
    return found ? put(psk, room, found.key) : 0;
  };
  const onClient = (
    ssl: Pointer,
    _hint: Pointer,
    name: Pointer,
    nameRoom: number,
    psk: Pointer,
    room: number,
  ): number => {
    const found = findKey(ssl, undefined);
    return found && put(name, nameRoom, found.identity) > 0 ? put(psk, room, found.key) : 0;
  };
  const callback = (args: string[], run: typeof onServer | typeof onClient): Pointer =>
    Number(ffi.register(run, ffi.pointer(ffi.proto('unsigned int', args))));
  const serverCallback = callback([pointer, 'const char *', pointer, 'unsigned int'], onServer);
  const clientCallback = callback([pointer, pointer, pointer, 'unsigned int', pointer, 'unsigned int'], onClient);
  const text = allocate(256);
  return {
    newContext: (server) => newContext(server ? serverMethod() : clientMethod()),
    freeContext,
    contextControl: (context, command, value) => contextControl(context, command, value, 0),
    setSuites,
    setTickets,
    verifyPeer: (context) => setVerify(context, verifyPeerMode, 0),
    useKeys: (context, server) => {
      if (server) setServer(context, serverCallback);
      else setClient(context, clientCallback);
    },
    newConnection,
    freeConnection,
    setDescriptor,
    setAccepting,
    setConnecting,
    handshake,
    keyUsed: reused,
    read: (ssl, memory, offset, length) => read(ssl, addressIn(memory, offset, length), length),
    write: (ssl, memory, offset, length) => write(ssl, addressIn(memory, offset, length), length),
    shutdown,
    errorOf,
    clearErrors,
    takeError,
    describe: (error) => {
      errorText(error, text.address, text.bytes.length);
      return text.bytes.toString('latin1', 0, text.bytes.indexOf(0));
    },
  };
}
