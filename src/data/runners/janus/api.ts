import { SciStreamError } from '../../../core/errors.js';
import { JanusClient, type Call, type ClientOptions, type Reply } from './client.js';
import * as shapes from './shapes.js';
import { printable, problemsOf, wordsOf, type JanusSession } from './shapes.js';

/** What is asked of Janus: optional fields are left out, as null is refused in places. */
export interface SessionRequest {
  readonly instances: readonly string[];
  readonly image: string;
  readonly profile: string;
  readonly arguments: string;
}

const quickMs = 10_000;
/** Docker grants a container 10 s to stop, and Portainer stands between it and Janus. */
const stopMs = 60_000;
/** Janus may pull an image first. */
export const createMs = 300_000;

/** The calls of a Janus controller, alike for both generations of its API. Throws SERVER_ERR in Janus' own words. */
export class JanusApi {
  readonly address: string;
  readonly #client: JanusClient;

  constructor(options: ClientOptions) {
    this.#client = new JanusClient(options);
    this.address = this.#client.address;
  }

  async sessions(): Promise<readonly JanusSession[]> {
    return read(shapes.sessions, await this.#get('/active'), 'list its sessions');
  }

  /** Undefined when there is none with this id. */
  async session(id: string, signal?: AbortSignal): Promise<JanusSession | undefined> {
    const reply = await this.#get(`/active/${id}`, signal);
    return reply.status === 404 ? undefined : sessionOf(id, reply, 'show a session');
  }

  /** The id of the new session. The early API answers with the session itself, and only there tells what went wrong. */
  async create(
    request: SessionRequest,
    signal?: AbortSignal,
  ): Promise<{ readonly id: string; readonly problems: string }> {
    const what = `make a session for the image ${request.image}`;
    const reply = await this.#call({ method: 'POST', path: '/create', body: request, deadlineMs: createMs, signal });
    const entries = Object.entries(read(shapes.byKey, reply, what));
    const [id, value] = entries.find(([key]) => /^\d+$/.test(key)) ?? [];
    if (id === undefined) throw refused(what, reply);
    const whole = shapes.session.safeParse(value);
    if (whole.success) return { id, problems: problemsOf(whole.data) };
    const stored = await this.session(id);
    return { id, problems: stored ? problemsOf(stored) : 'the session is not there' };
  }

  /** The session as it is then, which need not be STARTED. */
  async start(id: string, signal?: AbortSignal): Promise<JanusSession> {
    const reply = await this.#call({ method: 'PUT', path: `/start/${id}`, deadlineMs: createMs, signal });
    if (!saysAlready(reply)) return sessionOf(id, reply, `start session ${id}`);
    const present = await this.session(id);
    if (present === undefined) throw refused(`start session ${id}`, reply);
    return present;
  }

  /** Stopped or never started is all right, and so is a session that is not there. */
  async stop(id: string): Promise<void> {
    const reply = await this.#call({ method: 'PUT', path: `/stop/${id}`, deadlineMs: stopMs });
    if (reply.status === 404 || saysAlready(reply)) return;
    const { state } = sessionOf(id, reply, `stop session ${id}`);
    if (state === 'MIXED') throw refused(`stop every container of session ${id}`, reply);
  }

  /** Ends its containers and forgets it; one that is not there is all right. `force` forgets it whatever happens to them. */
  async delete(id: string, { force = false }: { force?: boolean } = {}): Promise<void> {
    const path = `/active/${id}${force ? '?force=true' : ''}`;
    const reply = await this.#call({ method: 'DELETE', path, deadlineMs: stopMs });
    if (!succeeded(reply) && reply.status !== 404) throw refused(`delete session ${id}`, reply);
  }

  /** Runs a command in a container and returns what it prints. */
  async execute(node: string, container: string, command: readonly string[], signal?: AbortSignal): Promise<string> {
    const body = { Cmd: command, node, container, start: true };
    const call = { method: 'POST', path: '/exec', body, deadlineMs: quickMs, signal } satisfies Call;
    const reply = await this.#call(call);
    const { error, response } = read(shapes.executed, reply, `run ${command.join(' ')}`);
    // A node that Janus does not know is an error with status 200.
    if (error !== undefined && error !== null) throw refused(`run ${command.join(' ')}`, reply);
    return printable(response ?? '');
  }

  /** What a container has printed since then (seconds since 1970), each line with its time. */
  async logs(id: string, node: string, since: number, signal?: AbortSignal): Promise<string> {
    const path = `/active/${id}/logs/${encodeURIComponent(node)}?timestamps=1&since=${since}&tail=1000`;
    return read(shapes.logs, await this.#get(path, signal), `show the logs of session ${id}`).response;
  }

  async images(signal?: AbortSignal): Promise<readonly string[]> {
    return read(shapes.names, await this.#get('/images', signal), 'list its images');
  }

  async nodes(signal?: AbortSignal): Promise<readonly string[]> {
    return read(shapes.names, await this.#get('/nodes', signal), 'list its nodes');
  }

  async hasProfile(name: string, signal?: AbortSignal): Promise<boolean> {
    const encoded = encodeURIComponent(name);
    // The second one is where the early API has it.
    for (const path of [`/profiles/host/${encoded}`, `/profiles/${encoded}`]) {
      const reply = await this.#get(path, signal);
      if (succeeded(reply)) return true;
      if (reply.status !== 404) throw refused(`show the profile ${name}`, reply);
    }
    return false;
  }

  #get(path: string, signal?: AbortSignal): Promise<Reply> {
    return this.#call({ method: 'GET', path, deadlineMs: quickMs, signal });
  }

  #call(call: Call): Promise<Reply> {
    return this.#client.call(call);
  }
}

function succeeded({ status }: Reply): boolean {
  return status >= 200 && status < 300;
}

/** The early API refuses what is so already: what it says then is the state, not a failure. */
function saysAlready({ status, body }: Reply): boolean {
  return status === 503 && /\balready\b|initialized state/i.test(wordsOf(body));
}

/** A session comes under its id, or bare when nothing had to be done. */
function sessionOf(id: string, reply: Reply, what: string): JanusSession {
  const keyed = shapes.byKey.safeParse(reply.body);
  const body = keyed.success ? (keyed.data[id] ?? reply.body) : reply.body;
  return read(shapes.session, { ...reply, body }, what);
}

interface Shape<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false };
}

function read<T>(shape: Shape<T>, reply: Reply, what: string): T {
  const parsed = succeeded(reply) ? shape.safeParse(reply.body) : undefined;
  if (parsed?.success !== true) throw refused(what, reply);
  return parsed.data;
}

function refused(what: string, { status, body }: Reply): SciStreamError {
  return new SciStreamError('SERVER_ERR', `Janus did not ${what}: ${wordsOf(body)} (HTTP ${status}).`);
}
