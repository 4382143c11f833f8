const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `1.57 GB` */
export function amount(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 2)} ${units[power] ?? ''}`;
}

export function gigabitsPerSecond({ bytes, seconds }: { readonly bytes: number; readonly seconds: number }): number {
  return seconds > 0 ? (bytes * 8) / seconds / 1e9 : 0;
}
