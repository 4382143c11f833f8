import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@connectrpc/connect';
import type { Role } from '../../src/core/identity.js';
import type { Transport } from '../../src/core/protection.js';
import type { Scope } from '../../src/core/scope.js';
import { DataService } from '../../src/gen/scistream/data/v1/data_pb.js';
import { RpcConnection } from '../../src/platform/rpc-client.js';
import { isServed } from '../../src/platform/state-dir.js';
import { Child } from './child.js';
import { host } from './ports.js';

const program = fileURLToPath(new URL('../../../../dist/bin/s2ds', import.meta.url));
const callMs = 10_000;

export interface Reservation {
  role: Role;
  type?: string;
  transport?: Transport;
  /** Protects the leg between the facilities; absent: it is not protected. */
  psk?: Buffer;
}

/** A real s2ds in a process of its own, spoken to as its control server would. */
export class DataServer {
  readonly #child: Child;
  readonly #client: Client<typeof DataService>;

  private constructor(child: Child, client: Client<typeof DataService>) {
    this.#child = child;
    this.#client = client;
  }

  static async start(
    {
      folder,
      portable,
      name,
      containers = [],
    }: { folder: string; portable: boolean; name: string; containers?: readonly string[] },
    scope: Scope,
    signal: AbortSignal,
  ): Promise<DataServer> {
    const socket = path.join(folder, `${name}.sock`);
    const place = ['--socket', socket, '--port-range', '0', '--listener-ip', host];
    const child = scope.use(
      new Child('s2ds', process.execPath, [program, ...place, ...(portable ? ['--portable'] : []), ...containers]),
    );
    await child.ready(`its socket`, () => isServed(socket), signal);
    const connection = scope.use(new RpcConnection({ target: { path: socket }, timeoutMs: callMs }));
    return new DataServer(child, connection.client(DataService));
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Throws with the reason when the type cannot run here. */
  async assertAvailable(type: string): Promise<void> {
    const { types } = await this.#client.info({});
    const found = types.find(({ name }) => name === type);
    if (!found?.available) throw new Error(found?.reason ?? `there is no type ${type}`);
  }

  /** Reserves one listener. */
  async reserve({ role, type = 'relay', transport = 'tcp', psk }: Reservation): Promise<{ id: string; port: number }> {
    const security = psk ? { security: 'tls-psk', psk } : { security: 'none' };
    const { reservation } = await this.#client.reserve({ type, role, numListeners: 1, transport, ...security });
    const [listener = ''] = reservation?.listeners ?? [];
    return { id: reservation?.id ?? '', port: Number(listener.slice(listener.lastIndexOf(':') + 1)) };
  }

  /** Points its listener at `target`. */
  async point(id: string, target: number): Promise<void> {
    await this.#client.update({ id, forwards: [{ targets: [`${host}:${target}`] }] });
  }

  /** Both. */
  async forward(reservation: Reservation, target: number): Promise<{ id: string; port: number }> {
    const reserved = await this.reserve(reservation);
    await this.point(reserved.id, target);
    return reserved;
  }

  async release(id: string): Promise<void> {
    await this.#client.release({ id });
  }
}
