import { printable } from './shapes.js';

const stamped = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) ?(.*)$/;

/** What is new in answers that overlap: Docker's `since` counts seconds, and repeats the last one. */
export class LogTail {
  /** Docker writes all nine digits of a fraction, so times can be compared as text. */
  #newest = '';
  #unstamped = new Set<string>();

  /** Seconds since 1970 from which to ask. */
  get since(): number {
    return this.#newest === '' ? 0 : Math.floor(Date.parse(this.#newest) / 1000);
  }

  fresh(answer: string): string[] {
    const before = this.#newest;
    const unstamped = new Set<string>();
    const lines = answer.split(/\r?\n/).flatMap((line) => {
      const [, time, text = ''] = stamped.exec(line) ?? [];
      if (time === undefined) {
        const plain = printable(line);
        unstamped.add(plain);
        return this.#unstamped.has(plain) ? [] : [plain];
      }
      if (time <= before) return [];
      if (time > this.#newest) this.#newest = time;
      return [printable(text)];
    });
    this.#unstamped = unstamped;
    return lines.filter((line) => line !== '');
  }
}
