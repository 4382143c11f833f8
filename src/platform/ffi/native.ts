import { bindLibc, type Libc } from './libc.js';
import { openLibrary } from './library.js';
import { Allocator, type Memory } from './memory.js';
import { bindOpenSsl, type FindKey, type OpenSsl } from './openssl.js';

/** The system's and Node's own native functions, called without a native build step. */
export interface Native {
  readonly libc: Libc;
  allocate(size: number): Memory;
  /** OpenSSL as the running node exports it. Once for each thread; `findKey` is asked during handshakes. */
  openSsl(findKey: FindKey): OpenSsl;
}

/**
 * Undefined where they cannot be had: another system than Linux, or no FFI library for it. `checked`: after every call, all
 * memories are searched for writes out of bounds; slow, for tests.
 */
export async function loadNative(checked: boolean): Promise<Native | undefined> {
  if (process.platform !== 'linux') return undefined;
  try {
    const { default: ffi } = await import('koffi');
    const allocator = new Allocator((buffer) => Number(ffi.address(buffer)), checked);
    const allocate = (size: number): Memory => allocator.allocate(size);
    const guarded = <T extends object>(calls: T): T => (checked ? verifying(calls, allocator) : calls);
    // A node without these would fail later, in threads.
    openLibrary(ffi, undefined).bind('SSL_CTX_set_psk_server_callback', 'void', ['uintptr_t', 'uintptr_t']);
    return {
      libc: guarded(bindLibc(openLibrary(ffi, 'libc.so.6'))),
      allocate,
      openSsl: (findKey) => guarded(bindOpenSsl(ffi, openLibrary(ffi, undefined), allocate, findKey)),
    };
  } catch {
    return undefined;
  }
}

/** The same calls, each followed by a look at all guards. */
function verifying<T extends object>(calls: T, allocator: Allocator): T {
  return new Proxy(calls, {
    get(target, name, receiver): unknown {
      const call: unknown = Reflect.get(target, name, receiver);
      if (typeof call !== 'function') return call;
      return (...args: unknown[]): unknown => {
        const answer: unknown = Reflect.apply(call, target, args);
        allocator.verify(String(name));
        return answer;
      };
    },
  });
}
