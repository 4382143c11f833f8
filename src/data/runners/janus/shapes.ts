import { z } from 'zod';

/** What we read of Janus' answers. Both generations of its API add fields at will, and ids are numbers or strings. */

const id = z.union([z.int().nonnegative(), z.string().regex(/^\d+$/)]).transform(String);

const problem = z.object({ reason: z.unknown(), response: z.unknown() });

const service = z.object({
  /** Absent when the container could not be created. */
  container_id: z.string().nullish(),
  errors: z
    .array(problem)
    .nullish()
    .transform((errors) => errors ?? []),
});

export const session = z.object({
  id,
  state: z.string(),
  /** By node. */
  services: z.record(z.string(), z.array(service)),
  /** As it was sent. */
  request: z.array(z.object({ arguments: z.string().nullish() })).catch([]),
});

export type JanusSession = z.infer<typeof session>;

export const sessions = z.array(z.unknown()).transform((rows) =>
  // Sessions that others have made in some other way are none of ours.
  rows.flatMap((row) => {
    const parsed = session.safeParse(row);
    return parsed.success ? [parsed.data] : [];
  }),
);

export const byKey = z.record(z.string(), z.unknown());

/** Rows of a table of which the names are needed: nodes, images. */
export const names = z.array(z.object({ name: z.string() })).transform((rows) => rows.map(({ name }) => name));

export const logs = z.object({ response: z.string() });

export const executed = z.object({
  error: z.unknown().optional(),
  message: z.unknown().optional(),
  response: z.string().nullish(),
});

const explained = z.object({
  message: z.unknown().optional(),
  error: z.unknown().optional(),
  errors: z.unknown().optional(),
});

/** What Janus says about a failure, on one line of bounded length. */
export function wordsOf(body: unknown): string {
  const { success, data } = explained.safeParse(body);
  const parts = success && !Array.isArray(body) ? [data.message, data.error, data.errors] : [body];
  return oneLine(parts.map(text)) || 'it does not say why';
}

/** What went wrong with the containers of a session; empty when nothing has. */
export function problemsOf({ services }: JanusSession): string {
  const problems = Object.entries(services).flatMap(([node, list]) =>
    list.flatMap(({ container_id: container, errors }) => [
      ...errors.map(({ reason, response }) => oneLine([text(reason), wordsOf(response)], ': ')),
      ...(errors.length === 0 && !container ? [`no container was made on ${node}`] : []),
    ]),
  );
  return oneLine(problems);
}

function text(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function oneLine(parts: readonly string[], between = '; '): string {
  return printable(parts.filter((part) => part !== '').join(between)).slice(0, 600);
}

/** Without terminal controls and the binary frames that Docker puts around output. */
export function printable(value: string): string {
  return value
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/\uFFFD/g, '')
    .trim();
}
