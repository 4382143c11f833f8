import { z } from 'zod';
import { isWhole, type Refusal, type Row, type SessionRequest } from './sessions.js';

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

export const generations = ['early 2023', '2026'] as const;
export type Generation = (typeof generations)[number];

/** All in which the two generations of the API differ. */
export interface Dialect {
  readonly containerName: (profile: string, session: number, index: number) => string;
  /** An answer when the body is no request. */
  read(body: unknown): { readonly request: readonly SessionRequest[] } | Answer;
  stored(row: Row): boolean;
  created(row: Row): Answer;
  /** Start of what is STARTED; stop of what is STOPPED or was never started. */
  nothingToDo(row: Row, asked: 'start' | 'stop'): Answer;
  refused(refusal: Refusal): Answer;
  deletedUnknown(id: number): Answer;
  readonly logsFailed: number;
  /** Name of a profile that a path below /profiles asks for, or of a list. */
  profile(rest: readonly string[]): { readonly name: string } | 'list' | undefined;
  executed(id: string, response: string): object;
}

const early: Dialect = {
  containerName: (_profile, session) => `janus_${session}`,
  read(body) {
    const rows = z.array(requestSchema).safeParse(Array.isArray(body) ? body : [body]);
    return rows.success ? { request: rows.data } : { status: 400, body: { message: 'Missing fields in POST data' } };
  },
  stored: isWhole,
  created(row) {
    row.allocations = Object.fromEntries(
      Object.entries(row.services).map(([node, list]) => [node, list.flatMap((one) => one.container_id ?? [])]),
    );
    return { status: 200, body: { [row.id]: row } };
  },
  nothingToDo({ uuid, state }, asked) {
    const started = asked === 'start' || state === 'STOPPED';
    const what = asked === 'start' ? 'already started' : started ? 'already stopped' : 'is in initialized state';
    return { status: 503, body: { error: `Service ${uuid} ${what}` } };
  },
  refused({ kind, message }) {
    if (kind === 'unknown id') return { status: 404, body: { error: 'id not found' } };
    if (kind === 'unknown resource') return { status: 404, body: { error: message } };
    return kind === 'missing key' ? broken : { status: 503, body: { error: message } };
  },
  deletedUnknown: (id) => ({ status: 404, body: { error: 'Not found', id } }),
  logsFailed: 200,
  profile([name, ...rest]) {
    if (name === undefined) return 'list';
    return rest.length === 0 ? { name } : undefined;
  },
  executed: (_id, response) => ({ response }),
};

const resources = ['host', 'network', 'volume', 'qos'];
const broken: Answer = { status: 500, body: { message: 'Internal Server Error' } };

const modern: Dialect = {
  containerName: (profile, session, index) => `janus-${profile}-${session}-${index}`,
  read(body) {
    const rows = z.array(modernSchema).safeParse(Array.isArray(body) ? body : [body]);
    if (!rows.success) {
      const errors = Object.fromEntries(
        rows.error.issues.map(({ path, message }) => [path.slice(1).join('.'), message]),
      );
      return { status: 400, body: { errors, message: 'Input payload validation failed' } };
    }
    if (rows.data.some(({ instances, profile, image }) => !instances.length || !profile || !image)) {
      return { status: 400, body: { message: 'Missing fields in POST data' } };
    }
    // Both pass the schema and then break the code behind it.
    const breaks = rows.data.some(
      ({ kwargs, overrides }) => kwargs === null || overrides === null || Object.keys(overrides ?? {}).length > 0,
    );
    return breaks ? broken : { request: rows.data };
  },
  stored: () => true,
  created: ({ id }) => ({ status: 200, body: { [id]: { id } } }),
  nothingToDo: (row) => ({ status: 200, body: row }),
  refused({ kind, message }) {
    if (kind === 'unknown id') return { status: 404, body: { message } };
    if (kind === 'unknown resource') return { status: 404, body: { message: `Creating session failed: ${message}` } };
    return { status: 500, body: { message } };
  },
  deletedUnknown: () => ({ status: 204 }),
  logsFailed: 500,
  profile([resource, name]) {
    if (resource !== undefined && !resources.includes(resource)) return undefined;
    return name === undefined ? 'list' : { name };
  },
  executed: (id, response) => ({ Id: id, response }),
};

const instance = z.union([z.string(), z.object({ name: z.string() })]);

const requestSchema = z.object({
  instances: z.array(instance),
  image: z.string(),
  profile: z.string(),
  arguments: z.string().nullish(),
});

const modernSchema = requestSchema.extend({
  constraints: z.looseObject({}).optional(),
  remove_container: z.boolean().nullish(),
  kwargs: z.record(z.string(), z.unknown()).nullish(),
  overrides: z.record(z.string(), z.unknown()).nullish(),
});

export const dialects: Readonly<Record<Generation, Dialect>> = { 'early 2023': early, '2026': modern };
