#!/usr/bin/env node
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from '@commander-js/extra-typings';
import { none } from '../auth/none.js';
import { loadS2csConfig, type S2csConfig } from '../config/s2cs.js';
import { assertLegacyPeer } from '../control/data-server-type.js';
import { agentSocket } from '../control/local-agent.js';
import { ControlServer, type ControlServerOptions } from '../control/server.js';
import { systemClock } from '../core/clock.js';
import { aborted } from '../core/deferred.js';
import { formatEndpoint, isLoopback } from '../core/endpoint.js';
import { Scope } from '../core/scope.js';
import { createRunners } from '../data/runners/registry.js';
import { DataServerTypes, securitiesOf } from '../data/types.js';
import { createLogger, type Logger } from '../observe/logger.js';
import { ensureCertificate, loadCertificate, type ServerCertificate } from '../platform/certificates.js';
import { ensurePrivateDir, lockStateDir } from '../platform/state-dir.js';
import { conventions, main, stopSignal } from './main.js';
import { proxying } from './proxy-options.js';
import { printCheck } from './check.js';
import { relaying } from './relay-options.js';
import { runnerOptions } from './runners.js';
import { version } from './version.js';

const program = proxying(relaying(new Command('s2cs')))
  .description(
    'SciStream control server: opens, changes and ends streams through this gateway node on behalf of its users.\n' +
      'Starts the data server (s2ds) that carries the streams and finds it again after a restart.',
  )
  .version(version, '--version', 'show the version')
  .option('--listener-ip <ip>', 'address for requests and for streams (default: 127.0.0.1)')
  .option('--port <port>', 'port for requests, 0 to let the system choose (default: 5000)')
  .option('--port-range <range>', 'ports for streams, 0 to let the system choose (default: 5100-5200)')
  .option('-t, --type <type>', 'data server type, such as relay or HaproxySubprocess; see --check (default: relay)')
  .option('--security <how>', 'protect streams by at least tls-psk or none (default: the best that the type has)')
  .option('--psk-from-uid', 'sessions without a key use their uid as the key, as Python clients do; weak')
  .option('--enforce-v1-rate', 'limit streams to the rate that Python clients always send, unasked 10 MB/s')
  .option('--server-crt <file>', 'certificate in PEM (default: one made and kept in the state folder)')
  .option('--server-key <file>', 'its private key in PEM')
  .option('--ssl', 'serve TLS; --ssl=False switches it off, on loopback or with --allow-insecure (default: on)')
  .option('--state-dir <dir>', 'folder for certificate, socket and log (default: ~/.local/state/scistream/s2cs)')
  .option('--allow-anonymous', 'listen beyond loopback although nobody has to authenticate')
  .option('--allow-insecure', 'listen beyond loopback although there is no TLS')
  .option('--hello-timeout <time>', 'how long a request waits for its application (default: 180s)')
  .option('--max-sessions <n>', 'most sessions at a time (default: 1000)')
  .option('--config <file>', 'read settings from a YAML file; keys are the names of these options')
  .option('--json', 'print the start line, or the check, as JSON')
  .option('-v, --verbose', 'log why calls and connections failed')
  .option('--check', 'tell which data server types work here, and end')
  .action(async ({ config: file, check, ...flags }) => {
    const config = await loadS2csConfig({ flags, file });
    const logger = createLogger({ name: 's2cs', level: config.verbose ? 'debug' : 'info' });
    const types = await typesFor(config, logger);
    if (check) await printCheck(types, config.type, config.json);
    else await serve(config, types, logger, stopSignal());
  });

/** As the data server will have them. Throws BAD_FORMAT for what it would refuse. */
async function typesFor(config: S2csConfig, logger: Logger): Promise<DataServerTypes> {
  const runners = await runnerOptions('s2cs', config, path.join(config.stateDir, agentSocket));
  const types = new DataServerTypes(createRunners({ ...runners, logger }), config);
  const chosen = types.find(config.type);
  if (config.legacyStunnelPeer) assertLegacyPeer(chosen);
  return types;
}

async function serve(config: S2csConfig, types: DataServerTypes, logger: Logger, stop: AbortSignal): Promise<void> {
  const { stateDir } = config;
  await using scope = new Scope();
  await ensurePrivateDir(stateDir);
  const heldBy = `Another s2cs uses the state folder ${stateDir}; stop it or give this one its own --state-dir.`;
  scope.use(await lockStateDir(stateDir, 's2cs', heldBy));
  const certificate = config.ssl ? await certificateFor(config) : undefined;
  const options = {
    ...config,
    version,
    // Such a peer knows no other key.
    pskFromUid: config.pskFromUid || config.legacyStunnelPeer,
    verifier: none,
    ...(certificate ? { tls: { cert: certificate.cert, key: certificate.key } } : {}),
    agentCommand: [process.execPath, fileURLToPath(new URL('s2ds.js', import.meta.url))],
    agentSettings: config,
    setupTimeoutMs: config.helloTimeout,
    clock: systemClock,
    logger,
  } satisfies ControlServerOptions;
  const server = await ControlServer.start(options, stop).catch((error: unknown) => {
    // What was asked for is no failure.
    if (error === stop.reason) return undefined;
    throw error;
  });
  if (!server) {
    logger.info('stopped before it was ready');
    return;
  }
  scope.defer(() => server.close());
  announce(config, server, certificate);
  warnOfWeakness(config, types, server, logger);
  await aborted(stop);
  logger.info('stopping: releasing every session');
}

/** What an operator should know who did not mean it. */
function warnOfWeakness(
  { type, pskFromUid, legacyStunnelPeer }: S2csConfig,
  types: DataServerTypes,
  { security, address }: ControlServer,
  logger: Logger,
): void {
  if (legacyStunnelPeer) {
    logger.warn(
      'streams are not encrypted, and who knows a uid can take its stream: gateways of the Python implementation are paired with',
    );
    return;
  }
  if (security === 'none' && !isLoopback(address.host)) {
    const chosen = types.find(type);
    const remedy = securitiesOf(chosen).includes('tls-psk')
      ? ', unless a client asks for tls-psk'
      : `: ${chosen.name} has no encryption`;
    logger.warn(`streams between facilities are not encrypted, and who reaches their ports can use them${remedy}`);
  }
  if (pskFromUid) {
    logger.warn(
      'a session without a key uses its uid as the key (--psk-from-uid): who knows the uid can read the stream',
    );
  }
}

function certificateFor({ serverCrt, serverKey, stateDir, listenerIp }: S2csConfig): Promise<ServerCertificate> {
  return serverCrt !== undefined && serverKey !== undefined
    ? loadCertificate(serverCrt, serverKey)
    : ensureCertificate(stateDir, listenerIp);
}

/** The readiness signal: scripts wait for this line on stdout. */
function announce(config: S2csConfig, server: ControlServer, certificate: ServerCertificate | undefined): void {
  const address = formatEndpoint(server.address);
  const certificateFile = config.serverCrt ?? path.join(config.stateDir, 'server.crt');
  if (config.json) {
    const tls = certificate ? { certificate: certificateFile, fingerprint: certificate.fingerprint } : {};
    process.stdout.write(
      `${JSON.stringify({ address, version, pid: process.pid, stateDir: config.stateDir, ...tls })}\n`,
    );
    return;
  }
  process.stdout.write(`s2cs ${version} listens at ${address}\n`);
  if (certificate) {
    process.stdout.write(`certificate ${certificateFile}${certificate.created ? ' (made now)' : ''}\n`);
    process.stdout.write(`fingerprint ${certificate.fingerprint}\n`);
  }
}

await main(conventions(program));
