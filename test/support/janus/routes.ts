import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { DockerError, type Containers } from './containers.js';
import type { Answer, Dialect } from './generations.js';
import { Refusal, type Row, type Sessions, type Tables } from './sessions.js';

export interface Asked {
  readonly method: string;
  /** Decoded, below the controller's path. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly user: string;
}

export interface Controller {
  readonly dialect: Dialect;
  readonly tables: Tables;
  readonly sessions: Sessions;
  readonly containers: Containers;
}

type Handler = (controller: Controller, asked: Asked) => Answer | Promise<Answer>;

const handlers: Readonly<Record<string, Handler>> = {
  'GET active': showActive,
  'DELETE active': deleteActive,
  'POST create': create,
  'PUT start': start,
  'PUT stop': stop,
  'POST exec': execute,
  'GET nodes': ({ tables }, { segments: [, name] }) => rows([...tables.nodes.values()], name),
  'GET images': ({ tables }, { segments: [, ...name] }) =>
    rows(
      tables.images.map((image) => ({ name: image })),
      name.length === 0 ? undefined : name.join('/'),
    ),
  'GET profiles': showProfiles,
};

/** What a controller answers to a user that it knows. */
export async function answer(controller: Controller, asked: Asked): Promise<Answer> {
  const [route = ''] = asked.segments;
  const handler = handlers[`${asked.method} ${route}`];
  if (!handler) {
    const known = Object.keys(handlers).some((key) => key.endsWith(` ${route}`));
    const message = known ? 'The method is not allowed for the requested URL.' : 'The requested URL was not found.';
    return { status: known ? 405 : 404, body: { message } };
  }
  try {
    return await handler(controller, asked);
  } catch (error) {
    if (error instanceof Refusal) return controller.dialect.refused(error);
    throw error;
  }
}

function showActive({ sessions, containers, dialect }: Controller, asked: Asked): Answer {
  const [, id, logs, node = ''] = asked.segments;
  if (id === undefined) return { status: 200, body: sessions.visible(asked.user) };
  const row = sessions.rows.get(Number(id));
  if (row === undefined || !sessions.visible(asked.user).includes(row)) return notFound;
  if (logs === undefined) return { status: 200, body: row };
  try {
    const container = row.services[node]?.[0]?.container_id;
    if (container === undefined) throw new DockerError('Not Found', `'${node}'`);
    const number = (name: string, usual: number): number => Number(asked.query.get(name) ?? usual);
    const stamps = number('timestamps', 0) !== 0;
    return {
      status: 200,
      body: { response: containers.logs(container, number('since', 0), number('tail', 100), stamps) },
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : '';
    return { status: dialect.logsFailed, body: { error: `Could not retrieve container logs: ${reason}` } };
  }
}

async function deleteActive({ sessions, dialect }: Controller, { segments, query, user }: Asked): Promise<Answer> {
  const id = idOf(segments);
  const row = sessions.visible(user).find((one) => one.id === id);
  if (row === undefined) return dialect.deletedUnknown(id);
  await sessions.delete(row, query.has('force'));
  return { status: 204 };
}

function create({ sessions, dialect }: Controller, { body, user }: Asked): Answer {
  const read = dialect.read(body);
  if (!('request' in read)) return read;
  const row = sessions.create(user, read.request);
  if (dialect.stored(row)) sessions.store(row);
  return dialect.created(row);
}

function start({ sessions, dialect }: Controller, { segments, user }: Asked): Answer {
  const row = sessions.find(idOf(segments), user);
  if (row.state === 'STARTED') return dialect.nothingToDo(row, 'start');
  sessions.start(row);
  return keyed(row);
}

/** Of any user's session: this one route forgets to look. */
async function stop({ sessions, dialect }: Controller, { segments }: Asked): Promise<Answer> {
  const row = sessions.find(idOf(segments), 'admin');
  if (row.state === 'STOPPED' || row.state === 'INITIALIZED') return dialect.nothingToDo(row, 'stop');
  await sessions.stop(row);
  return keyed(row);
}

const execRequest = z.object({
  Cmd: z.array(z.string()),
  node: z.string(),
  container: z.string(),
  start: z.boolean().optional(),
});

function execute({ tables, containers, dialect }: Controller, { body }: Asked): Answer {
  const request = execRequest.safeParse(body);
  if (!request.success) return { status: 400, body: { error: 'invalid request format' } };
  const { Cmd: command, node, container, start: run } = request.data;
  if (!tables.nodes.has(node)) return { status: 200, body: { error: `Node not found: ${node}` } };
  try {
    const id = randomUUID();
    const response = containers.execute(container, run === true ? command : ['kill', '-0', '1']);
    return { status: 200, body: run === true ? dialect.executed(id, response) : { Id: id } };
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    return { status: 503, body: { error: error.reason } };
  }
}

function showProfiles({ tables, dialect }: Controller, { segments }: Asked): Answer {
  const asked = dialect.profile(segments.slice(1));
  const all = Object.entries(tables.profiles).map(([name, settings]) => ({ name, settings, users: [], groups: [] }));
  if (asked === undefined) return { status: 404, body: { error: `Invalid resource path: ${segments[1] ?? ''}` } };
  return asked === 'list' ? { status: 200, body: all } : rows(all, asked.name);
}

const notFound: Answer = { status: 404, body: { error: 'Not found' } };

function rows(all: readonly { readonly name: string }[], name: string | undefined): Answer {
  if (name === undefined) return { status: 200, body: all };
  const one = all.find((row) => row.name === name);
  return one ? { status: 200, body: one } : notFound;
}

function keyed(row: Row): Answer {
  return { status: 200, body: { [row.id]: row } };
}

function idOf([, id = '']: readonly string[]): number {
  return /^\d+$/.test(id) ? Number(id) : 0;
}
