/** Something that users know by several names. */
export interface Named {
  readonly name: string;
  readonly aliases: readonly string[];
}

/** The one of that name or alias, in any case. */
export function findNamed<T extends Named>(all: readonly T[], wanted: string): T | undefined {
  const sought = wanted.toLowerCase();
  return all.find((one) => namesOf(one).some((known) => known.toLowerCase() === sought));
}

/** For an error that tells which there are. */
export function knownNames(all: readonly Named[]): string {
  return all.flatMap(namesOf).join(', ');
}

function namesOf({ name, aliases }: Named): readonly string[] {
  return [name, ...aliases];
}
