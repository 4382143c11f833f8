import type { Loop } from './loop.js';
import type { Trouble } from './protocol.js';

const burstMs = 100;

/** Reports the first trouble of a kind at once and those that follow together, so that a flood of them is none of messages. */
export class Troubles {
  readonly #loop: Loop;
  readonly #forwarder: number;
  readonly #send: (trouble: Trouble) => void;
  readonly #bursts = new Map<Trouble['what'], { times: number; detail: string }>();

  constructor(loop: Loop, forwarder: number, send: (trouble: Trouble) => void) {
    this.#loop = loop;
    this.#forwarder = forwarder;
    this.#send = send;
  }

  report(what: Trouble['what'], detail: string): void {
    const burst = this.#bursts.get(what);
    if (burst) {
      burst.times++;
      burst.detail = detail;
      return;
    }
    this.#bursts.set(what, { times: 0, detail });
    this.#tell(what, detail, 1);
    this.#loop.after(burstMs, () => {
      this.#endBurst(what);
    });
  }

  /** Tells what it has held back. */
  flush(): void {
    for (const what of [...this.#bursts.keys()]) this.#endBurst(what);
  }

  #endBurst(what: Trouble['what']): void {
    const burst = this.#bursts.get(what);
    this.#bursts.delete(what);
    if (burst && burst.times > 0) this.#tell(what, burst.detail, burst.times);
  }

  #tell(what: Trouble['what'], detail: string, times: number): void {
    this.#send({ kind: 'trouble', forwarder: this.#forwarder, what, detail, times });
  }
}
