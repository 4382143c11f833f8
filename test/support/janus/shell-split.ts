/** Splits a line as a POSIX shell does, without expanding anything: what Python calls shlex.split. */
export function shellSplit(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let index = 0; index < line.length; index++) {
    const character = line.charAt(index);
    const next = line.charAt(index + 1);
    if (quote === "'" ? character === "'" : quote === '"' && character === '"') {
      quote = '';
    } else if (quote === "'") {
      word = (word ?? '') + character;
    } else if (character === '\\' && (quote === '' || next === '"' || next === '\\')) {
      word = (word ?? '') + next;
      index++;
    } else if (quote === '"') {
      word = (word ?? '') + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== '') throw new Error('No closing quotation');
  return word === undefined ? words : [...words, word];
}
