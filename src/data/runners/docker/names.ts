import { show } from '../../../core/endpoint.js';
import { SciStreamError } from '../../../core/errors.js';
import { isSafeName } from '../places.js';

const reservationLabel = 'org.scistream.reservation';
export const gatewayLabel = 'org.scistream.gateway';

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

/** By these a later agent finds what is its own. */
export function labelsOf(id: string, gateway: string): Record<string, string> {
  return { [reservationLabel]: id, [gatewayLabel]: gateway };
}

export function reservationOf(labels: Labels | null | undefined): string | undefined {
  return labels?.[reservationLabel];
}

export function carries(labels: Labels | null | undefined, expected: Labels): boolean {
  return Object.entries(expected).every(([name, value]) => labels?.[name] === value);
}
