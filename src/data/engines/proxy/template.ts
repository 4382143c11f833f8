import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Endpoint } from '../../../core/endpoint.js';
import { formatEndpoint } from '../../../core/endpoint.js';
import { errnoOf, messageOf, SciStreamError } from '../../../core/errors.js';

const ours = fileURLToPath(new URL('templates/', import.meta.url));

/**
 * A configuration from its Jinja2 template: the operator's own in `folder` if there is one of that name, else ours. Filters:
 * `address` writes an endpoint as host:port with brackets where needed, `host` its host alone. A value that is not there is an
 * error. Throws SERVER_ERR naming the template.
 */
export async function render(
  name: string,
  values: Readonly<Record<string, unknown>>,
  folder: string | undefined,
): Promise<string> {
  const { text, file } = await find(name, folder);
  // Loaded when a proxy is first configured: most gateways never do.
  const { default: nunjucks } = await import('nunjucks');
  const environment = new nunjucks.Environment(null, {
    autoescape: false,
    throwOnUndefined: true,
    trimBlocks: true,
    lstripBlocks: true,
  });
  environment.addFilter('address', (endpoint: Endpoint) => formatEndpoint(endpoint));
  environment.addFilter('host', ({ host }: Endpoint) => (isIPv6(host) ? `[${host}]` : host));
  try {
    return environment.renderString(text, values);
  } catch (error) {
    const reason = reasonOf(error, Object.keys(values));
    throw new SciStreamError('SERVER_ERR', `The template ${file} cannot be rendered: ${reason}`, { cause: error });
  }
}

/** As one sentence, with the place where the library tells it. */
function reasonOf(error: unknown, known: readonly string[]): string {
  const [, line, words = ''] =
    /^(?:\(unknown path\))?\s*(?:\[Line (\d+), Column \d+\])?\s*(.*)$/s.exec(messageOf(error)) ?? [];
  const missing = words.includes('null or undefined value');
  const what = missing
    ? `it asks for a value that does not exist; those that do are ${known.toSorted().join(', ')}`
    : words.replace(/\s+/g, ' ');
  return `${line === undefined ? '' : `line ${line}: `}${what}.`;
}

async function find(name: string, folder: string | undefined): Promise<{ text: string; file: string }> {
  if (folder !== undefined) {
    const file = path.join(folder, name);
    try {
      return { file, text: await readFile(file, 'utf8') };
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') {
        throw new SciStreamError('SERVER_ERR', `The template ${file} cannot be read: ${messageOf(error)}`, {
          cause: error,
        });
      }
    }
  }
  const file = path.join(ours, name);
  return { file, text: await readFile(file, 'utf8') };
}
