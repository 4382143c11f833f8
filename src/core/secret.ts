import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';

const hidden = '***';

/** Bytes that must not be seen: whatever prints, logs or serializes this shows `***`. */
export class Secret {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = Uint8Array.from(bytes);
  }

  /** `length` bytes of the system's random generator. */
  static random(length: number): Secret {
    return new Secret(randomBytes(length));
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
