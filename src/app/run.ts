import { toSciStreamError } from '../core/errors.js';
import type { Role } from '../core/identity.js';
import { runForeground, type ForegroundExit } from '../platform/foreground.js';
import type { ServerOptions } from '../platform/control-peer.js';
import { releaseSession, sayHello } from './controller.js';

const releaseTimeoutMs = 10_000;

export interface RunOptions {
  server: ServerOptions;
  uid: string;
  /** PROD: the command is the producer and listens at `addresses`. CONS: it is told where to connect. */
  role: Role;
  addresses?: readonly string[] | undefined;
  /** The application and its arguments. */
  command: readonly [string, ...string[]];
  /** End the session when the application has ended. */
  release?: boolean | undefined;
  /** Milliseconds to wait for the session's request (default 185 000). */
  waitMs?: number | undefined;
  /** Aborting before the application runs gives up; while it runs, the application decides when to end. */
  signal?: AbortSignal | undefined;
  /** Passes a signal on to the application; called once it runs, with what ends it. */
  onStart?: ((kill: (signal: NodeJS.Signals) => void) => void) | undefined;
  /** Told what went wrong without changing the outcome. */
  onNotice?: ((text: string) => void) | undefined;
}

/**
 * Runs an application as one end of a stream. A producer is started at once and introduced meanwhile; a consumer is started
 * when its addresses are known, and finds them in SCISTREAM_LISTENERS (`ip:port,…`). Both find SCISTREAM_UID.
 */
export async function runApplication(options: RunOptions): Promise<ForegroundExit> {
  try {
    return await (options.role === 'PROD' ? runProducer(options) : runConsumer(options));
  } finally {
    // The application's own end is what counts: a stream that is gone already or cannot be reached changes nothing of it.
    if (options.release) await release(options);
  }
}

async function release({ server, uid, onNotice }: RunOptions): Promise<void> {
  try {
    await releaseSession(server, uid, AbortSignal.timeout(releaseTimeoutMs));
  } catch (error) {
    const { code, message } = toSciStreamError(error);
    if (code !== 'INVALID_UID') onNotice?.(`The stream could not be released: ${message}`);
  }
}

async function runProducer(options: RunOptions): Promise<ForegroundExit> {
  const { server, uid, addresses, command, waitMs, signal, onStart } = options;
  const over = new AbortController();
  const stop = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  const application = runForeground({ command, env: { SCISTREAM_UID: uid }, onStart });
  let failure: unknown;
  const introduced = sayHello({ server, uid, role: 'PROD', addresses, waitMs, signal: stop }).catch(
    (error: unknown) => {
      if (over.signal.aborted) return;
      // Without its Hello the stream never opens: an application that nobody can reach is not left running.
      failure = error;
      application.kill('SIGTERM');
    },
  );
  try {
    const exit = await application.exit;
    if (failure !== undefined) throw toSciStreamError(failure);
    return exit;
  } finally {
    over.abort();
    await introduced;
  }
}

async function runConsumer({ server, uid, command, waitMs, signal, onStart }: RunOptions): Promise<ForegroundExit> {
  const { listeners } = await sayHello({ server, uid, role: 'CONS', waitMs, signal });
  const env = { SCISTREAM_UID: uid, SCISTREAM_LISTENERS: listeners.join(',') };
  return runForeground({ command, env, onStart }).exit;
}
