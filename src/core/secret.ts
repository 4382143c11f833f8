import { inspect } from 'node:util';

const hidden = '***';

/** Bytes that must not be seen: whatever prints, logs or serializes this shows `***`. */
export class Secret {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = Uint8Array.from(bytes);
  }

  /** The bytes themselves, for the one place that needs them. */
  expose(): Uint8Array {
    return this.#bytes;
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  [inspect.custom](): string {
    return hidden;
  }
}
