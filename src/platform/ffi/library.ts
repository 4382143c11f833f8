import type koffi from 'koffi';

type Koffi = typeof koffi;

/** Functions of a shared library. All pointers are plain numbers, as every address of user space is a safe integer. */
export interface Library {
  /** Throws when the library has no such function. Result and arguments are C types. */
  bind<Args extends readonly (number | string)[]>(
    name: string,
    result: string,
    args: readonly string[],
  ): (...args: Args) => number;
  /** Of the last call on this thread. */
  errno(): number;
}

/** `file` undefined: what the running program itself exports. */
export function openLibrary(ffi: Koffi, file: string | undefined): Library {
  const library = ffi.load(file ?? null);
  return {
    bind: (name, result, args) => library.func(name, result, [...args]),
    errno: () => ffi.errno(),
  };
}
