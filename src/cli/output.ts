import type { SessionInfo } from '../client/session-info.js';

/** Results go to stdout. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Everything else goes to stderr. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** A session in the form that scripts rely on; never a token or a key. */
export function sessionJson({ uid, role, s2cs, state, listeners, targets, security, expires }: SessionInfo): object {
  return { uid, role, s2cs, state, listeners, targets, security, expires: expires?.toISOString() ?? null };
}

/** The line that scripts of the Python tools read. */
export function listenersLine(listeners: readonly string[]): string {
  return `Listeners: [${listeners.map((listener) => `'${listener}'`).join(', ')}]`;
}

/** Said wherever a stream is opened whose data could be read on the way. */
export function warnUnlessEncrypted({ security }: SessionInfo): void {
  if (security === 'none') note('Note: the data between the facilities is not encrypted.');
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `12.3 GB`; a dash for what is not known. */
export function bytes(count: bigint | undefined): string {
  if (count === undefined) return '-';
  let value = Number(count);
  let unit = 0;
  // What would be shown as a thousand is one of the next unit.
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`;
}
