import { existsSync } from 'node:fs';
import net from 'node:net';

export interface Released {
  readonly processes: number;
  readonly ports: number;
  readonly folders: number;
}

/** Everything of the demo that others could see, noted while it exists so that it can be looked for afterwards. */
export class Footprint {
  readonly #pids = new Set<number>();
  readonly #addresses = new Set<string>();
  readonly #folders = new Set<string>();

  process({ pid }: { readonly pid: number | undefined }): void {
    if (pid !== undefined) this.#pids.add(pid);
  }

  /** `ip:port` each. */
  ports(addresses: readonly string[]): void {
    for (const address of addresses) this.#addresses.add(address);
  }

  folder(path: string): void {
    this.#folders.add(path);
  }

  /** How much there was. Throws when some of it still is there. */
  async confirmGone(): Promise<Released> {
    const left = [...this.#pids].filter(isRunning).map((pid) => `process ${pid}`);
    for (const address of this.#addresses) if (await answers(parse(address))) left.push(`port ${address}`);
    left.push(...[...this.#folders].filter((folder) => existsSync(folder)));
    if (left.length > 0) throw new Error(`The demo has left behind ${left.join(', ')}.`);
    return { processes: this.#pids.size, ports: this.#addresses.size, folders: this.#folders.size };
  }
}

/** True when a program listens there. */
export function answers(where: { host: string; port: number } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(where);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

function parse(address: string): { host: string; port: number } {
  const { hostname, port } = new URL(`tcp://${address}`);
  return { host: hostname, port: Number(port) };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
