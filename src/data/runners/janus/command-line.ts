/** Characters that no shell gives a meaning. */
const plain = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** Arguments as one line that splits into the same arguments again, by the rules of a POSIX shell. */
export function commandLine(args: readonly string[]): string {
  return args.map(quoted).join(' ');
}

function quoted(argument: string): string {
  return plain.test(argument) ? argument : `'${argument.replaceAll("'", `'"'"'`)}'`;
}
