#!/usr/bin/env node
import { rmSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from '@commander-js/extra-typings';
import { describeSettings } from '../config/agent.js';
import { relayOptions } from '../config/relay.js';
import { loadS2dsConfig, type S2dsConfig } from '../config/s2ds.js';
import { aborted } from '../core/deferred.js';
import { messageOf } from '../core/errors.js';
import { formatPortRange } from '../core/port-range.js';
import { Scope } from '../core/scope.js';
import { Agent } from '../data/agent.js';
import { dataService } from '../data/service.js';
import { DataService } from '../gen/scistream/data/v1/data_pb.js';
import { createLogger } from '../observe/logger.js';
import { reportStart } from '../platform/child.js';
import { RpcServer } from '../platform/rpc-server.js';
import { ensurePrivateDir, lockStateDir, socketPath } from '../platform/state-dir.js';
import { conventions, main, stopSignal } from './main.js';
import { proxying } from './proxy-options.js';
import { relaying } from './relay-options.js';
import { runnerOptions } from './runners.js';
import { version } from './version.js';

const closeGraceMs = 1_000;

const program = proxying(relaying(new Command('s2ds')))
  .description(
    'SciStream data server: owns the ports of one gateway node and forwards streams on them.\n' +
      's2cs starts one by itself; run it by hand to give it a place or a supervisor of its own.',
  )
  .version(version, '--version', 'show the version')
  .option('--listener-ip <ip>', 'address on which streams are accepted (default: 127.0.0.1)')
  .option('--port-range <range>', 'ports for streams, or 0 to let the system choose (default: 5100-5200)')
  .option('--socket <file>', 'Unix socket for the control server (default: ~/.local/state/scistream/s2ds/s2ds.sock)')
  .option('--name <name>', 'name of this gateway node (default: the host name)')
  .option('--managed', 'may be ended by the control server that uses it')
  .option('--config <file>', 'read settings from a YAML file; keys are the names of these options')
  .addOption(new Option('--debug-memory', 'check every native call for writes out of bounds').hideHelp())
  .option('-v, --verbose', 'log why connections failed')
  .action(async ({ config: file, ...flags }) => {
    const stop = stopSignal();
    try {
      await serve(await loadS2dsConfig({ flags, file }), stop);
    } catch (error) {
      await reportStart({ failed: messageOf(error) });
      throw error;
    }
  });

async function serve(config: S2dsConfig, stop: AbortSignal): Promise<void> {
  const { listenerIp, portRange, name, managed, templateDir, debugMemory } = config;
  const logger = createLogger({ name: 's2ds', level: config.verbose ? 'debug' : 'info' });
  const shutdown = new AbortController();
  await using scope = new Scope();
  const socket = await claimSocket(config.socket, scope);
  const engines = { ...relayOptions(config), templateDir, debugMemory };
  const runners = await runnerOptions('s2ds', config, config.socket);
  const agent = scope.use(new Agent({ listenerIp, portRange, engines, runners, types: config, logger }));
  await agent.restore();
  const identity = { version, name, listenerIp, portRange, managed, settings: describeSettings(config) };
  const rpc = await RpcServer.listen({
    listen: { path: socket },
    routes: (router) =>
      router.service(
        DataService,
        dataService(agent, identity, () => {
          shutdown.abort();
        }),
      ),
    logger,
  });
  scope.defer(() => rpc.close(closeGraceMs));
  logger.info({ listenerIp, portRange: formatPortRange(portRange), socket: config.socket }, 'ready');
  await reportStart({ ready: true });
  agent.revive();
  await aborted(AbortSignal.any([stop, shutdown.signal]));
  logger.info('stopping');
}

/** Makes the socket's folder private and removes what a dead agent left. */
async function claimSocket(file: string, scope: Scope): Promise<string> {
  const [dir, name] = [path.dirname(file), path.basename(file)];
  const socket = socketPath(dir, name, '--socket');
  await ensurePrivateDir(dir);
  const heldBy = `A data server already serves ${socket}; stop it or choose another --socket.`;
  scope.use(await lockStateDir(dir, name, heldBy));
  rmSync(socket, { force: true });
  return socket;
}

await main(conventions(program));
