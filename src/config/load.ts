import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { messageOf, SciStreamError } from '../core/errors.js';

export interface ConfigSources {
  /** From the command line; undefined values were not given. */
  flags: Readonly<Record<string, unknown>>;
  /** The start of the program's environment variables, such as `SCISTREAM_S2CS_`. */
  envPrefix: string;
  /** A YAML file with the flags' names as keys. */
  file?: string | undefined;
}

/** Flags over environment over file over the schema's defaults, parsed once, frozen. Throws BAD_FORMAT naming the setting. */
export async function loadConfig<S extends z.ZodObject>(
  schema: S,
  sources: ConfigSources,
): Promise<Readonly<z.output<S>>> {
  const merged = {
    ...(sources.file === undefined ? {} : await readConfigFile(sources.file)),
    ...fromEnvironment(Object.keys(schema.shape), sources.envPrefix),
    ...defined(sources.flags),
  };
  const outcome = schema.safeParse(merged);
  if (!outcome.success) throw new SciStreamError('BAD_FORMAT', describe(outcome.error), { cause: outcome.error });
  return Object.freeze(outcome.data);
}

/** A setting written as text or number and parsed by `parser`, whose error becomes that of the setting. */
export function parsed<T>(parser: (text: string) => T): z.ZodType<T, string | number> {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    try {
      return parser(String(value));
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) });
      return z.NEVER;
    }
  });
}

/** A setting that is on or off: a YAML boolean, or `true` / `false` as text. */
export const flag = z.union([
  z.boolean(),
  z
    .string()
    .toLowerCase()
    .pipe(z.enum(['true', 'false']))
    .transform((text) => text === 'true'),
]);

/** A setting that names a file or a folder; none would be the folder in which the program happens to run. */
export const filePath = z
  .string()
  .min(1, 'A path must not be empty.')
  .transform((name) => path.resolve(name));

async function readConfigFile(file: string): Promise<Record<string, unknown>> {
  let content: unknown;
  try {
    content = parse(await readFile(file, 'utf8'));
  } catch (error) {
    // YAML errors go on with a picture of the place.
    const [reason = ''] = messageOf(error).split('\n');
    throw new SciStreamError('BAD_FORMAT', `Cannot read --config ${file}: ${reason}`, { cause: error });
  }
  const settings = z.record(z.string(), z.unknown()).nullable().safeParse(content);
  if (!settings.success)
    throw new SciStreamError('BAD_FORMAT', `--config ${file} must hold settings, one "name: value" a line.`);
  return Object.fromEntries(Object.entries(settings.data ?? {}).map(([key, value]) => [camelCase(key), value]));
}

function fromEnvironment(names: readonly string[], prefix: string): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = variable(variableName(prefix, name));
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** A variable of the environment; set to nothing is not set. */
export function variable(name: string): string | undefined {
  const value = process.env[name];
  return value === '' ? undefined : value;
}

/** The variable that holds the setting. */
export function variableName(prefix: string, setting: string): string {
  return prefix + setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** Our environment for a program of ours, with variables of its own; it has none of those that are undefined. */
export function environmentWith(own: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  return { ...process.env, ...own };
}

/** For programs of others: what finds them and their files, and none of our settings or secrets. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'];
  return Object.fromEntries(names.flatMap((name) => (name in process.env ? [[name, process.env[name]]] : [])));
}

function defined(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** `listener-ip` and `listener_ip` as the schemas call it. */
function camelCase(name: string): string {
  return name.replace(/[-_]([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function describe(error: z.ZodError): string {
  return error.issues
    .map((issue) => {
      if (issue.code === 'unrecognized_keys') return `Unknown setting: ${issue.keys.map(kebabCase).join(', ')}.`;
      return `${kebabCase(issue.path.join('.'))}: ${issue.message.replace(/\.$/, '')}.`;
    })
    .join(' ');
}

/** A setting as its option is called. */
export function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
