import { spawnSync } from 'node:child_process';

/** Something from outside this project that a test cannot do without. */
export interface Requirement {
  readonly name: string;
  /** A command that ends with exit code 0 where the requirement is met. */
  readonly check: readonly [string, ...string[]];
  /** How to get it. */
  readonly hint: string;
}

/**
 * True when everything is there, for `describe.runIf(requirePrograms(…))`. Otherwise the reason is printed. In CI, where
 * nobody would notice what was skipped, it throws instead.
 */
export function requirePrograms(...requirements: readonly Requirement[]): boolean {
  const missing = requirements.filter(({ check }) => !succeeds(check));
  if (missing.length === 0) return true;
  const reason = missing.map(({ name, hint }) => `${name} (${hint})`).join(', ');
  if ((process.env['CI'] ?? '') !== '') throw new Error(`These tests must not be skipped in CI; missing: ${reason}`);
  console.warn(`Tests are skipped here; missing: ${reason}`);
  return false;
}

function succeeds([command, ...args]: readonly [string, ...string[]]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;
}
