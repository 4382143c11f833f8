import { createHash } from 'node:crypto';
import { show } from '../../../core/endpoint.js';
import { SciStreamError } from '../../../core/errors.js';
import { isSafeName } from '../places.js';
import type { Program } from '../runner.js';

const reservationLabel = 'org.scistream.reservation';
export const gatewayLabel = 'org.scistream.gateway';
const uidLabel = 'org.scistream.uid';
const longestUid = 64;

type Labels = Readonly<Record<string, string>>;

/** Ids are made here, not by users: one of another form is a defect. Throws SERVER_ERR. */
export function requireSafeId(id: string): string {
  if (!isSafeName(id)) throw new SciStreamError('SERVER_ERR', `${show(id)} cannot be part of a container's name.`);
  return id;
}

export function containerName(id: string): string {
  return `scistream-${requireSafeId(id)}`;
}

/** Of the one in which a program checks its configuration. */
export function checkName(id: string): string {
  return `${containerName(id)}-check`;
}

/**
 * Of the one in which a program tells its version. Always the same, so that what a check could not remove is in the way of the
 * next one, which does.
 */
export function versionName(gateway: string, program: Program['name']): string {
  return `scistream-${program}-version-${createHash('sha256').update(gateway).digest('hex').slice(0, 16)}`;
}

/** By these a later agent finds what is its own. */
export function labelsOf(id: string, gateway: string): Record<string, string> {
  return { [reservationLabel]: id, [gatewayLabel]: gateway };
}

/** By this people find a session's container. A user has chosen the uid, so it is made fit for command lines; nothing relies on it. */
export function uidLabels(uid: string | undefined): Record<string, string> {
  if (uid === undefined) return {};
  return { [uidLabel]: uid.slice(0, longestUid).replace(/[^A-Za-z0-9._-]/g, '_') };
}

export function reservationOf(labels: Labels | null | undefined): string | undefined {
  return labels?.[reservationLabel];
}

export function carries(labels: Labels | null | undefined, expected: Labels): boolean {
  return Object.entries(expected).every(([name, value]) => labels?.[name] === value);
}
