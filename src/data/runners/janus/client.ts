import http from 'node:http';
import https from 'node:https';
import { abortReason } from '../../../core/deferred.js';
import { Deadline } from '../../../core/deadline.js';
import { errnoOf, messageOf, SciStreamError } from '../../../core/errors.js';
import type { Secret } from '../../../core/secret.js';

/** Where Janus mounts its controller; used when the address has no path of its own. */
const usualPath = '/api/janus/controller';
/** A list of sessions holds every container with all that Janus knows of its node. */
const mostBytes = 32 * 1024 * 1024;

export interface ClientOptions {
  readonly url: URL;
  readonly user: string;
  readonly password: Secret;
  /** PEM; the system's roots otherwise. */
  readonly ca: string | undefined;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the controller's own path, with the query. */
  readonly path: string;
  readonly body?: unknown;
  /** Milliseconds until the whole answer must be there. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Reply {
  readonly status: number;
  /** JSON, or text where it is none; undefined when there is nothing. */
  readonly body: unknown;
}

interface Progress {
  /** The whole request has left: what it asks for may be done. */
  sent: boolean;
}

/** Janus has got a request and has not said what became of it. */
export class Unanswered extends SciStreamError {}

/**
 * HTTP to one Janus controller. The built-in fetch cannot be given a certificate authority, so this stands on node:http(s).
 * The password is in the header of a request and nowhere else.
 */
export class JanusClient {
  /** As it may be shown: without credentials that somebody wrote into it. */
  readonly address: string;
  readonly #options: ClientOptions;
  readonly #base: string;

  constructor(options: ClientOptions) {
    const { url } = options;
    this.#options = options;
    this.#base = url.pathname === '/' ? usualPath : url.pathname.replace(/\/+$/, '');
    this.address = `${url.protocol}//${url.host}${this.#base}`;
  }

  /** Any answer but 401 is the caller's to judge. Throws UNAVAILABLE without one, SERVER_ERR for 401. */
  async call(call: Call): Promise<Reply> {
    const reply = await this.#attempts(call);
    if (reply.status !== 401) return reply;
    throw new SciStreamError(
      'SERVER_ERR',
      `Janus at ${this.address} does not accept the user ${JSON.stringify(this.#options.user)} with this password.`,
    );
  }

  /** A GET changes nothing, so it may be asked again when the connection breaks; nothing else may. */
  async #attempts(call: Call): Promise<Reply> {
    using deadline = new Deadline(call.deadlineMs, call.signal);
    const { signal } = deadline;
    const progress: Progress = { sent: false };
    for (let attempts = call.method === 'GET' ? 2 : 1; ; attempts--) {
      try {
        return await this.#once(call, signal, progress);
      } catch (error) {
        if (attempts > 1 && errnoOf(error) === 'ECONNRESET' && !signal.aborted) continue;
        throw this.#explain(error, call, signal, progress);
      }
    }
  }

  async #once({ method, path, body }: Call, signal: AbortSignal, progress: Progress): Promise<Reply> {
    const { url, user, password, ca } = this.#options;
    const credentials = Buffer.concat([Buffer.from(`${user}:`), password.expose()]).toString('base64');
    const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const options: https.RequestOptions = {
      method,
      // Connections are not kept: Janus is asked every few seconds, and nothing is left behind.
      agent: false,
      signal,
      headers: {
        authorization: `Basic ${credentials}`,
        accept: 'application/json',
        ...(content && { 'content-type': 'application/json', 'content-length': content.length }),
      },
    };
    const target = new URL(url.origin + this.#base + path);
    const request =
      target.protocol === 'https:'
        ? // Said here, so that no environment variable can turn it off.
          https.request(target, { ...options, rejectUnauthorized: true, ...(ca !== undefined && { ca }) })
        : http.request(target, options);
    return new Promise((resolve, reject) => {
      let answered = false;
      request.once('response', (response) => {
        answered = true;
        receive(response).then(resolve, reject);
      });
      // Also without an error: it may have become something else than HTTP.
      request.once('close', () => {
        if (!answered) reject(new Error('the connection ended without an answer'));
      });
      request.once('finish', () => {
        progress.sent = true;
      });
      // Also after the answer: a connection that breaks late must not end the process.
      request.on('error', reject);
      request.end(content);
    });
  }

  #explain(error: unknown, { method, path }: Call, signal: AbortSignal, { sent }: Progress): SciStreamError {
    const Kind = sent ? Unanswered : SciStreamError;
    const fail = (text: string): SciStreamError => new Kind('UNAVAILABLE', text, { cause: error });
    if (signal.aborted) {
      const { code } = abortReason(signal);
      const what = code === 'TIMEOUT' ? 'did not answer in time' : 'is not waited for any more';
      return fail(`Janus at ${this.address} ${what}: ${method} ${path}`);
    }
    const code = errnoOf(error) ?? '';
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
      return fail(`The certificate of Janus at ${this.address} is for another host: ${messageOf(error)}`);
    }
    if (untrusted.test(code)) {
      const what = `The certificate of Janus at ${this.address} is not trusted (${code})`;
      return fail(`${what}; give the authority that signed it with --janus-ca.`);
    }
    return fail(`Janus at ${this.address} cannot be reached: ${messageOf(error) || code}`);
  }
}

/** Node's names for a chain that does not lead to somebody we trust. */
const untrusted = /SELF_SIGNED|ISSUER_CERT|LEAF_SIGNATURE|UNTRUSTED|SIGNATURE_FAILURE|INVALID_CA/;

async function receive(response: http.IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) {
      response.destroy();
      throw new Error(`its answer is longer than ${mostBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString()) };
}

function parse(text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // A proxy in front of Janus answers with a page; callers show its beginning.
    return text;
  }
}
