import type { WriteStream } from 'node:tty';
import { amount, gigabitsPerSecond } from './format.js';
import type { ConsumerProgress } from './protocol.js';

const barWidth = 30;
const plainEveryMs = 2_000;
const eraseLine = '\r\u001b[2K';

/** How far the stream is: a bar that stays on its line on a terminal, a line every other second elsewhere. */
export class Progress implements Disposable {
  readonly #out: WriteStream;
  readonly #total: number;
  #plainAt = performance.now();

  constructor(out: WriteStream, total: number) {
    this.#out = out;
    this.#total = total;
  }

  show(now: ConsumerProgress): void {
    const share = Math.min(1, now.messages / this.#total);
    const status =
      `${String(Math.floor(share * 100)).padStart(3)} %  ${now.messages} of ${this.#total} messages  ` +
      `${amount(now.bytes)}  ${gigabitsPerSecond(now).toFixed(2)} Gb/s`;
    if (this.#out.isTTY) this.#draw(share, status);
    else this.#print(status);
  }

  [Symbol.dispose](): void {
    if (this.#out.isTTY) this.#out.write(eraseLine);
  }

  #draw(share: number, status: string): void {
    const filled = Math.round(share * barWidth);
    const line = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${status}`;
    // A line that wraps could not be erased.
    this.#out.write(eraseLine + line.slice(0, this.#out.columns - 1));
  }

  #print(status: string): void {
    if (performance.now() - this.#plainAt < plainEveryMs) return;
    this.#plainAt = performance.now();
    this.#out.write(`${status}\n`);
  }
}
