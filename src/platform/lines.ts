/** Characters of a line; what is longer is cut into several. A program that never ends its line must not fill our memory. */
const longestLine = 4_096;

/** Lines out of text that comes in pieces, those without text left out, and without the white space at their ends. */
export class Lines {
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Takes the next piece, cut anywhere. */
  push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    const last = lines.pop() ?? '';
    for (const line of lines) this.#emit(this.#cut(line));
    this.#rest = this.#cut(last);
  }

  /** No more will come: what stands without a line's end is a line too. */
  end(): void {
    this.#emit(this.#rest);
    this.#rest = '';
  }

  /** Hands out all of the line but its end, which is short enough. */
  #cut(line: string): string {
    let start = 0;
    for (; line.length - start > longestLine; start += longestLine) this.#emit(line.slice(start, start + longestLine));
    return line.slice(start);
  }

  #emit(line: string): void {
    const text = line.trimEnd();
    if (text !== '') this.#onLine(text);
  }
}
