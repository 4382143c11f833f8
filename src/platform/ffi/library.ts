import type koffi from 'koffi';

type Koffi = typeof koffi;

/** A C function; what it takes and answers is told to `bind`. */
export type NativeFunction = (...args: (number | string)[]) => number;

/** Functions of a shared library. All pointers are plain numbers, as every address of user space is a safe integer. */
export interface Library {
  /** Throws when the library has no such function. Result and arguments are C types. */
  readonly bind: (name: string, result: string, args: readonly string[]) => NativeFunction;
  /** Of the last call on this thread. */
  readonly errno: () => number;
}

/** `file` undefined: what the running program itself exports. */
export function openLibrary(ffi: Koffi, file: string | undefined): Library {
  const library = ffi.load(file ?? null);
  return {
    bind: (name, result, args) => library.func(name, result, [...args]),
    errno: () => ffi.errno(),
  };
}
