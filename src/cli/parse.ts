import { InvalidArgumentError } from '@commander-js/extra-typings';
import { messageOf, SciStreamError } from '../core/errors.js';
import { parsePort } from '../core/endpoint.js';

/** Makes one of our parsers a commander argument parser: its sentence becomes the usage error. */
export function argument<T>(parser: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parser(text);
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error));
    }
  };
}

/** `5074,5075`. */
export function parsePorts(text: string): number[] {
  return text.split(',').map((part) => parsePort(part.trim()));
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^[0-9]+$/.test(text) || count < 1 || count > 65535) {
    throw new SciStreamError('BAD_FORMAT', `"${text}" must be a whole number from 1 on.`);
  }
  return count;
}

/** Collects repeated or comma separated values. */
export function list(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(',').map((part) => part.trim())];
}

/** Collects repeated `key=value`. */
export function label(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError(`"${text}" is not key=value.`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
