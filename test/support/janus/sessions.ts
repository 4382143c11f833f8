import { randomUUID } from 'node:crypto';
import { DockerError, type Containers } from './containers.js';
import { shellSplit } from './shell-split.js';

export type State = 'INITIALIZED' | 'STARTED' | 'STOPPED' | 'MIXED';

export interface SessionRequest {
  readonly instances: readonly (string | { readonly name: string })[];
  readonly image: string;
  readonly profile: string;
  readonly arguments?: string | null | undefined;
}

interface Service {
  sname: string;
  image: string;
  profile: string;
  ctrl_host: string;
  node_id: number;
  container_id?: string;
  container_name?: string;
  ctrl_port: string | null;
  errors: { reason: string; response: unknown }[];
  node?: unknown;
}

export interface Row {
  readonly id: number;
  readonly uuid: string;
  readonly user: string;
  state: State;
  readonly services: Record<string, Service[]>;
  readonly request: readonly SessionRequest[];
  readonly users: readonly string[];
  readonly groups: readonly string[];
  /** Of the early API. */
  allocations?: Record<string, string[]>;
  /** Of the one of 2026. */
  overrides?: object;
}

export interface Profile {
  /** Single numbers and pairs of first and last. */
  readonly ctrl_ports: readonly (number | readonly [number, number])[];
}

export interface Node {
  readonly name: string;
  readonly id: number;
  readonly allocated_ports: number[];
}

export interface Tables {
  readonly nodes: ReadonlyMap<string, Node>;
  readonly images: readonly string[];
  readonly profiles: Readonly<Record<string, Profile>>;
}

/** Something that Janus does not do; each generation says so in its own way. */
export class Refusal extends Error {
  readonly kind: 'unknown resource' | 'internal' | 'unknown id' | 'removal' | 'missing key';

  constructor(kind: Refusal['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** The state machine of sessions, the same in both generations. */
export class Sessions {
  readonly rows = new Map<number, Row>();
  readonly #tables: Tables;
  readonly #containers: Containers;
  readonly #nameOf: (profile: string, session: number, index: number) => string;
  #lastId = 6;

  constructor(tables: Tables, containers: Containers, nameOf: (profile: string, id: number, index: number) => string) {
    this.#tables = tables;
    this.#containers = containers;
    this.#nameOf = nameOf;
  }

  visible(user: string): Row[] {
    return [...this.rows.values()].filter((row) => sees(user, row));
  }

  find(id: number, user: string): Row {
    const row = this.rows.get(id);
    if (row === undefined || !sees(user, row)) throw new Refusal('unknown id', `janus session ${id} not found`);
    return row;
  }

  /** Not stored yet. Containers that cannot be made are an error of their service, not of the session. */
  create(user: string, request: readonly SessionRequest[]): Row {
    const wanted = request.flatMap((one) =>
      one.instances.map((instance) => ({ one, node: this.#lookUp(one, instance) })),
    );
    const id = ++this.#lastId;
    const services: Record<string, Service[]> = {};
    const taken = new Set<number>();
    const made = wanted.map(({ one, node }, index) => {
      const name = this.#nameOf(one.profile, id, index + 1);
      const port = this.#port(one.profile, node, taken);
      const base = { sname: name, image: one.image, profile: one.profile, ctrl_host: node.name, node_id: node.id };
      const service: Service = { ...base, ctrl_port: port === undefined ? null : String(port), errors: [] };
      (services[node.name] ??= []).push(service);
      return { service, one, node };
    });
    for (const { service, one, node } of made) {
      try {
        service.image = this.#containers.pull(one.image);
        const container = { image: service.image, arguments: shellSplit(one.arguments ?? '') };
        service.container_id = this.#containers.create(service.sname, container);
        service.container_name = service.sname;
      } catch (error) {
        note(service, error);
        service.node = node;
      }
    }
    const owners = user === 'admin' ? [] : [user];
    const row = { id, uuid: randomUUID(), user, services, request, users: owners, groups: [] };
    return { ...row, state: 'INITIALIZED' };
  }

  store(row: Row): void {
    this.rows.set(row.id, row);
  }

  start(row: Row): void {
    let failed = false;
    for (const service of servicesOf(row)) {
      if (service.container_id === undefined) throw new Refusal('missing key', "'container_id'");
      try {
        this.#containers.start(service.container_id);
      } catch (error) {
        note(service, error);
        failed = true;
        continue;
      }
      service.errors = this.#afterStart(service.container_id);
    }
    row.state = failed ? 'MIXED' : 'STARTED';
    this.#count(row);
  }

  /** The new errors, which do not keep the session from being STARTED. */
  #afterStart(container: string): Service['errors'] {
    try {
      this.#containers.afterStart(container);
      return [];
    } catch (error) {
      return [problemOf(error)];
    }
  }

  async stop(row: Row): Promise<void> {
    let failed = false;
    for (const service of servicesOf(row)) {
      if (service.container_id === undefined) continue;
      try {
        await this.#containers.stop(service.container_id);
      } catch (error) {
        note(service, error);
        failed = true;
      }
    }
    row.state = failed ? 'MIXED' : 'STOPPED';
    this.#uncount(row);
  }

  async delete(row: Row, force: boolean): Promise<void> {
    for (const { container_id: id } of servicesOf(row)) {
      if (id === undefined || !this.#containers.all.has(id)) continue;
      try {
        await this.#containers.stop(id);
        this.#containers.remove(id);
      } catch (error) {
        if (!force) throw new Refusal('removal', error instanceof Error ? error.message : String(error));
      }
    }
    this.#uncount(row);
    this.rows.delete(row.id);
  }

  #lookUp({ profile, image }: SessionRequest, instance: string | { readonly name: string }): Node {
    const unknown = (what: string): Refusal => new Refusal('unknown resource', `${what} not found`);
    if (!(profile in this.#tables.profiles)) throw unknown(`Profile ${profile}`);
    if (!this.#tables.images.includes(image.split(':', 1)[0] ?? '')) throw unknown(`Image ${image}`);
    const name = typeof instance === 'string' ? instance : instance.name;
    const node = this.#tables.nodes.get(name);
    if (!node) throw unknown(`Node ${name}`);
    return node;
  }

  #port(profile: string, { allocated_ports: allocated }: Node, taken: Set<number>): number | undefined {
    const ports = (this.#tables.profiles[profile]?.ctrl_ports ?? []).flatMap((entry) =>
      typeof entry === 'number'
        ? [entry]
        : Array.from({ length: entry[1] - entry[0] + 1 }, (_, index) => entry[0] + index),
    );
    if (ports.length === 0) return undefined;
    const free = ports.sort((a, b) => a - b).find((port) => !allocated.includes(port) && !taken.has(port));
    if (free === undefined) throw new Refusal('internal', 'No more ctrl ports available');
    taken.add(free);
    return free;
  }

  /** A port counts as taken from start to stop only. */
  #count(row: Row): void {
    for (const { ctrl_host: node, ctrl_port: port } of servicesOf(row)) {
      if (port !== null) this.#tables.nodes.get(node)?.allocated_ports.push(Number(port));
    }
  }

  #uncount(row: Row): void {
    for (const { ctrl_host: node, ctrl_port: port } of servicesOf(row)) {
      const allocated = this.#tables.nodes.get(node)?.allocated_ports ?? [];
      const index = allocated.indexOf(Number(port));
      if (index !== -1) allocated.splice(index, 1);
    }
  }
}

export function servicesOf(row: Row): Service[] {
  return Object.values(row.services).flat();
}

export function isWhole(row: Row): boolean {
  return servicesOf(row).every(({ container_id: id }) => id !== undefined);
}

/** `admin` is whoever is called that, and sees everything. */
function sees(user: string, { users }: Row): boolean {
  return user === 'admin' || users.includes(user);
}

function note(service: Service, error: unknown): void {
  service.errors.push(problemOf(error));
}

function problemOf(error: unknown): Service['errors'][number] {
  if (!(error instanceof DockerError)) throw error;
  return { reason: error.reason, response: { message: error.message } };
}
