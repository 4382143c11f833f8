import { getSystemErrorName } from 'node:util';

const shortages: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/** A call of the system that failed; `code` is its name as in Node's own errors. */
export class SystemError extends Error {
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = getSystemErrorName(-errno);
    super(`${call}: ${code}`);
    this.name = 'SystemError';
    this.code = code;
  }
}

/** Throws SystemError for the negative answer of a call that must succeed. */
export function check(call: string, answer: number): number {
  if (answer < 0) throw new SystemError(call, -answer);
  return answer;
}

/** True when this machine had no descriptor or memory left, which says nothing about a peer. */
export function isShortage(error: unknown): boolean {
  return error instanceof SystemError && shortages.has(error.code);
}
