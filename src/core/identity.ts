import { randomUUID } from 'node:crypto';
import { show } from './endpoint.js';
import { SciStreamError } from './errors.js';

/** PROD: the inbound end, beside the producer. CONS: the outbound end, beside the consumer. */
export type Role = 'PROD' | 'CONS';

const uidForm = /^[A-Za-z0-9._-]{1,64}$/;
const labelKey = /^[A-Za-z0-9._/-]{1,64}$/;
const maxLabels = 32;

/** A uid names a session to people and peers. It is not a secret and never becomes a file name. */
export function parseUid(text: string): string {
  return parseName('uid', text);
}

/** What makes a repeated request known again; in the form of a uid. */
export function parseRequestId(text: string): string {
  return parseName('request_id', text);
}

function parseName(field: string, text: string): string {
  if (!uidForm.test(text)) {
    throw new SciStreamError('BAD_FORMAT', `${field} ${show(text)} must be 1 to 64 letters, digits, '-', '.' or '_'.`);
  }
  return text;
}

export function createUid(): string {
  return randomUUID();
}

export function parseRole(text: string): Role {
  if (text !== 'PROD' && text !== 'CONS') {
    throw new SciStreamError('BAD_FORMAT', `role ${show(text)} must be PROD (inbound) or CONS (outbound).`);
  }
  return text;
}

/** Notes on a session such as `experiment=e123`: at most 32, values of at most 256 characters. */
export function parseLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(labels);
  if (entries.length > maxLabels) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `${entries.length} labels are too many; a session carries at most ${maxLabels}.`,
    );
  }
  for (const [key, value] of entries) {
    if (!labelKey.test(key)) {
      throw new SciStreamError(
        'BAD_FORMAT',
        `label ${show(key)} must be 1 to 64 letters, digits, '-', '.', '_' or '/'.`,
      );
    }
    if (value.length > 256 || /[\u0000-\u001f\u007f]/.test(value)) {
      throw new SciStreamError(
        'BAD_FORMAT',
        `the value of label ${show(key)} must be at most 256 printable characters.`,
      );
    }
  }
  return Object.fromEntries(entries);
}
