import { Command } from '@commander-js/extra-typings';
import { ControlClient } from '../../client/control-client.js';
import type { SessionInfo } from '../../client/session-info.js';
import { releaseStream } from '../../client/stream.js';
import { formatEndpoint, parseEndpoints } from '../../core/endpoint.js';
import { SciStreamError, toSciStreamError } from '../../core/errors.js';
import { parseUid } from '../../core/identity.js';
import { parseDuration, parseRate } from '../../core/quantity.js';
import type { ServerOptions } from '../../platform/control-peer.js';
import { stopSignal } from '../main.js';
import { note, print, printJson, sessionJson, table } from '../output.js';
import { argument, label, list as collect } from '../parse.js';
import { reach, reaching, reachOne } from '../server-options.js';
import { details, limit, sessionTable } from './session-text.js';

const manyServers = [
  '--s2cs <host:port>',
  'control servers; repeat or separate by commas (default: localhost:5000)',
] as const;
const usualServer = ['localhost:5000'];

/** Ends sessions. */
export const release = reaching(new Command('release'))
  .summary('end a stream')
  .description('Ends a stream at every control server named, or with --all every stream of yours there.')
  .argument('[uid]', 'the stream', argument(parseUid))
  .option(...manyServers, collect)
  .option('--all', 'all streams of yours at these servers')
  .option('--json', 'print what was released as JSON')
  .action(async (uid, { s2cs = usualServer, all, json, ...flags }) => {
    if ((uid === undefined) !== (all === true)) throw new SciStreamError('BAD_FORMAT', 'Give either a uid or --all.');
    const servers = await reach(flags, ...s2cs);
    const signal = stopSignal();
    const released = uid === undefined ? await releaseAll(servers, signal) : [uid];
    if (uid !== undefined) await releaseStream(uid, servers, signal);
    if (json) printJson({ released });
    else print(released.length === 0 ? 'Nothing to release.' : `Released ${released.join(', ')}.`);
  });

/** The caller's live sessions. */
export const list = reaching(new Command('list'))
  .summary('show your live sessions')
  .description('Lists your live sessions at the control servers named.')
  .option(...manyServers, collect)
  .option('--label <key=value>', 'only those with this label; repeatable', label)
  .option('--json', 'print them as a JSON array')
  .action(async ({ s2cs = usualServer, label: labels, json, ...flags }) => {
    const signal = stopSignal();
    const servers = await reach(flags, ...s2cs);
    const sessions = (await Promise.all(servers.map((server) => listAt(server, labels, signal)))).flat();
    if (json) printJson(sessions.map(sessionJson));
    else if (sessions.length === 0) note('No live sessions.');
    else print(sessionTable(sessions));
  });

/** One session with all that is known of it. */
export const show = reaching(new Command('show'))
  .summary('show one session')
  .description('Shows one session with its traffic.')
  .argument('<uid>', 'the session', argument(parseUid))
  .option('--s2cs <host:port>', 'control server', 'localhost:5000')
  .option('--json', 'print it as JSON')
  .action(async (uid, { s2cs, json, ...flags }) => {
    const server = await reachOne(flags, s2cs);
    using client = new ControlClient(server);
    const session = await client.getSession(uid, stopSignal());
    if (json) printJson(sessionJson(session));
    else print(table(details(session)));
  });

/** New targets, another rate or a new lifetime for a session that goes on. */
export const update = reaching(new Command('update'))
  .summary('change targets, rate or lifetime of a session')
  .description(
    'Gives new connections new targets, or the session another rate or a new lifetime; open connections stay.',
  )
  .argument('<uid>', 'the session', argument(parseUid))
  .option('--s2cs <host:port>', 'control server', 'localhost:5000')
  .option('--targets <host:port,...>', 'where new connections go', argument(parseEndpoints))
  .option('--rate <rate>', 'limit of all connections, open ones too, such as 20MB/s; 0: none', argument(parseRate))
  .option('--lifetime <time>', 'end by itself this long from now', argument(parseDuration))
  .option('--json', 'print the session as JSON')
  .action(async (uid, { s2cs, targets, rate, lifetime, json, ...flags }) => {
    const server = await reachOne(flags, s2cs);
    using client = new ControlClient(server);
    const change = { targets: targets?.map(formatEndpoint), maxRate: rate, lifetimeMs: lifetime };
    const session = await client.updateSession(uid, change, stopSignal());
    if (json) printJson(sessionJson(session));
    else print(`Session ${uid} forwards to ${session.targets.join(', ')}${limit(session)}.`);
  });

/** Every server is asked and every session released before the first failure is thrown. */
async function releaseAll(servers: readonly ServerOptions[], signal: AbortSignal): Promise<string[]> {
  const outcomes = await Promise.allSettled(servers.map((server) => releaseAllAt(server, signal)));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return [...new Set(outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : [])))];
}

async function releaseAllAt(server: ServerOptions, signal: AbortSignal): Promise<string[]> {
  using client = new ControlClient(server);
  const uids = (await client.listSessions({}, signal)).map(({ uid }) => uid);
  const outcomes = await Promise.allSettled(uids.map((uid) => client.releaseSession(uid, signal)));
  for (const outcome of outcomes) {
    // One that has ended by itself meanwhile is as wanted.
    if (outcome.status === 'rejected' && toSciStreamError(outcome.reason).code !== 'INVALID_UID') throw outcome.reason;
  }
  return uids;
}

async function listAt(
  server: ServerOptions,
  labels: Readonly<Record<string, string>> | undefined,
  signal: AbortSignal,
): Promise<SessionInfo[]> {
  using client = new ControlClient(server);
  return await client.listSessions(labels, signal);
}
