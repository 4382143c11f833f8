import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { onTestFinished } from 'vitest';
import { Containers, type Run } from './containers.js';
import { dialects, type Answer, type Generation } from './generations.js';
import { answer, type Asked, type Controller } from './routes.js';
import { Sessions, type Node, type Profile } from './sessions.js';

export interface JanusDoubleOptions {
  readonly generation: Generation;
  /** Passwords by name; who is called admin is the administrator. */
  readonly users?: Readonly<Record<string, string>>;
  readonly nodes?: readonly string[];
  /** Without tags. */
  readonly images?: readonly string[];
  readonly profiles?: Readonly<Record<string, Profile>>;
  /** Makes it speak TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Runs programs where containers would; without it they only seem to run. */
  readonly run?: Run;
}

/** A Janus controller on loopback, gone after the test with all that it runs. */
export interface JanusDouble extends Controller {
  readonly url: URL;
  /** Method and path of what was asked, in order. */
  readonly asked: string[];
  /** Breaks the connection instead of answering, after the work has been done. */
  drop: ((asked: string) => boolean) | undefined;
  /** What is asked is done when this resolves. */
  hold: ((asked: string) => Promise<void> | undefined) | undefined;
  /** Takes no requests. */
  away: boolean;
}

const prefix = '/api/janus/controller/';

export async function startJanus(options: JanusDoubleOptions): Promise<JanusDouble> {
  const { generation, tls, run, images = ['haproxy', 'nginx', 'stunnel'], nodes = ['gateway'] } = options;
  const dialect = dialects[generation];
  const containers = new Containers(run);
  const tables = {
    nodes: new Map(nodes.map((name, index): [string, Node] => [name, { name, id: index + 1, allocated_ports: [] }])),
    images,
    profiles: options.profiles ?? { scistream: { ctrl_ports: [[30000, 30200]] } },
  };
  const sessions = new Sessions(tables, containers, dialect.containerName);
  const server = tls ? https.createServer({ ...tls }) : http.createServer();
  const url = await listen(server, tls ? 'https' : 'http', containers);
  const asked: string[] = [];
  const double: JanusDouble = {
    url,
    asked,
    dialect,
    tables,
    sessions,
    containers,
    drop: undefined,
    hold: undefined,
    away: false,
  };
  server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
    const line = `${request.method ?? ''} ${request.url?.slice(prefix.length - 1) ?? ''}`;
    if (double.away) {
      response.destroy();
      return;
    }
    asked.push(line);
    const work = async (): Promise<Answer> => {
      const body = await bodyOf(request);
      await double.hold?.(line);
      return handle(double, options.users ?? { scientist: 'open sesame' }, request, body);
    };
    work().then(
      (reply) => {
        if (double.drop?.(line) === true) response.destroy();
        else send(response, reply);
      },
      // A defect of the double, or a request that was given up.
      (error: unknown) => {
        send(response, { status: 500, body: { message: String(error) } });
      },
    );
  });
  return double;
}

async function listen(server: http.Server | https.Server, scheme: string, containers: Containers): Promise<URL> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
    await containers.close();
  });
  const bound = server.address();
  return new URL(`${scheme}://127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`);
}

async function bodyOf(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function handle(
  controller: Controller,
  users: Readonly<Record<string, string>>,
  request: http.IncomingMessage,
  text: string,
): Promise<Answer> {
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://janus');
  if (!pathname.startsWith(prefix)) return { status: 404, body: { message: 'The requested URL was not found.' } };
  const user = userOf(users, request.headers.authorization);
  if (user === undefined) return { status: 401, body: { error: 'Unauthorized' } };
  const body: unknown = text === '' ? undefined : JSON.parse(text);
  const segments = pathname.slice(prefix.length).split('/').map(decodeURIComponent);
  const asked: Asked = { method: request.method ?? '', segments, query, body, user };
  return answer(controller, asked);
}

function userOf(users: Readonly<Record<string, string>>, header = ''): string | undefined {
  const [, encoded = ''] = /^Basic (.+)$/.exec(header) ?? [];
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  const user = text.slice(0, Math.max(colon, 0));
  return users[user] !== undefined && users[user] === text.slice(colon + 1) ? user : undefined;
}

function send(response: http.ServerResponse, { status, body }: Answer): void {
  const text = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, text === '' ? {} : { 'content-type': 'application/json' }).end(text);
}
