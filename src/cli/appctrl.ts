#!/usr/bin/env node
import net from 'node:net';
import { constants } from 'node:os';
import { Command } from '@commander-js/extra-typings';
import { sayHello } from '../app/controller.js';
import { runApplication } from '../app/run.js';
import { defaultReceiverPorts } from '../core/defaults.js';
import { formatEndpoint, parseIp, type Endpoint } from '../core/endpoint.js';
import { parseRole, parseUid } from '../core/identity.js';
import type { ServerOptions } from '../platform/control-peer.js';
import { conventions, Interrupted, main, stopSignal } from './main.js';
import { listenersLine, note, print, printJson } from './output.js';
import { argument, parsePorts } from './parse.js';
import { reaching, reachOne, waiting, type ReachFlags } from './server-options.js';
import { version } from './version.js';

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
/** Words of the Python tools for "no token". */
const noToken = ['NO_AUTH', 'INVALID_TOKEN', '-', ''];

const createAppctrl = introducing(new Command('create-appctrl'))
  .summary('say Hello for an application')
  .description('Says Hello for an application that already runs, and tells a consumer where to connect.')
  .action(async (uid, s2cs, token, role, ip, { ports = defaultReceiverPorts, json, ...flags }) => {
    const addresses = ports.map((port) => ({ host: ip, port }));
    if (role === 'PROD') for (const address of addresses) await warnUnlessListening(address);
    await hello({ uid, role, addresses, waitMs: flags.helloTimeout, json }, await serverWith(flags, s2cs, token));
  });

const mock = introducing(new Command('mock'))
  .summary('say Hello for an application that does not exist')
  .description('Says Hello as create-appctrl does, without looking for an application: for trying out a workflow.')
  .action(async (uid, s2cs, token, role, ip, { ports = defaultReceiverPorts, json, ...flags }) => {
    const addresses = ports.map((port) => ({ host: ip, port }));
    await hello({ uid, role, addresses, waitMs: flags.helloTimeout, json }, await serverWith(flags, s2cs, token));
  });

const run = reaching(waiting(new Command('run')))
  .summary('run an application as one end of a stream')
  .description(
    'Runs a command as the producer or consumer of a stream. A consumer finds where to connect in SCISTREAM_LISTENERS ' +
      '(ip:port,...), both find SCISTREAM_UID. Signals and the exit code are passed on.',
  )
  .argument('<command...>', 'the application and its arguments, after --')
  .requiredOption('--uid <uid>', 'the stream', argument(parseUid))
  .option('--s2cs <host:port>', 'control server', 'localhost:5000')
  .option('--role <role>', 'PROD or CONS', argument(parseRole), 'CONS' as const)
  .option('--ip <ip>', 'address at which the producer listens', argument(parseIp), '127.0.0.1')
  .option(
    '--ports <ports>',
    `ports at which the producer listens (default: ${defaultReceiverPorts.join()})`,
    argument(parsePorts),
  )
  .option('--release', 'end the stream when the application has ended')
  .action(async (command, { uid, s2cs, role, ip, ports = defaultReceiverPorts, release, ...flags }) => {
    const server = await reachOne(flags, s2cs);
    const [program, ...args] = command;
    if (program === undefined) return;
    const addresses = ports.map((port) => formatEndpoint({ host: ip, port }));
    const { signal, onStart } = passSignals();
    const exit = await runApplication({
      server,
      uid,
      role,
      addresses,
      command: [program, ...args],
      release,
      signal,
      onStart,
      waitMs: flags.helloTimeout,
      onNotice: note,
    });
    process.exitCode = 'code' in exit ? exit.code : 128 + constants.signals[exit.signal];
  });

const program = new Command('appctrl')
  .description('SciStream application controller: speaks to the control server for an application.')
  .version(version, '--version', 'show the version')
  .addCommand(run)
  .addCommand(createAppctrl)
  .addCommand(mock);

/** What both commands take that say Hello and no more. */
function introducing(command: Command) {
  return reaching(waiting(command))
    .argument('<uid>', 'the stream', argument(parseUid))
    .argument('<s2cs>', 'control server, host:port')
    .argument('<token>', 'NO_AUTH, or - to take the token from SCISTREAM_TOKEN')
    .argument('<role>', 'PROD or CONS', argument(parseRole))
    .argument('[ip]', 'address of the application', argument(parseIp), '127.0.0.1')
    .option('--ports <ports>', `its ports (default: ${defaultReceiverPorts.join()})`, argument(parsePorts))
    .option('--json', 'print the reply as JSON');
}

interface Introduction {
  uid: string;
  role: 'PROD' | 'CONS';
  addresses: readonly Endpoint[];
  waitMs: number | undefined;
  json: boolean | undefined;
}

async function hello({ uid, role, addresses, waitMs, json }: Introduction, server: ServerOptions): Promise<void> {
  const reply = await sayHello({
    server,
    uid,
    role,
    addresses: addresses.map(formatEndpoint),
    waitMs,
    signal: stopSignal(),
  });
  if (json) {
    printJson({ uid, role, message: reply.message, listeners: reply.listeners });
    return;
  }
  print(reply.message);
  if (role === 'CONS') print(listenersLine(reply.listeners));
}

async function serverWith(flags: ReachFlags, s2cs: string, token: string): Promise<ServerOptions> {
  const server = await reachOne(flags, s2cs);
  if (noToken.includes(token)) return server;
  note('Note: a token in the command line can be read by others on this machine; use - and SCISTREAM_TOKEN.');
  return { ...server, token: () => Promise.resolve(token) };
}

async function warnUnlessListening(address: Endpoint): Promise<void> {
  const listening = await new Promise<boolean>((resolve) => {
    const socket = net.connect({ ...address, timeout: 1000 });
    const answer = (yes: boolean) => () => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', answer(true)).once('error', answer(false)).once('timeout', answer(false));
  });
  if (!listening) note(`Note: nothing listens at ${formatEndpoint(address)} yet.`);
}

/** Before the application runs a signal gives up; then it is the application's. The terminal's own Ctrl-C reaches it by itself. */
function passSignals(): { signal: AbortSignal; onStart: (kill: (name: NodeJS.Signals) => void) => void } {
  const controller = new AbortController();
  let pass: ((name: NodeJS.Signals) => void) | undefined;
  for (const name of forwarded) {
    process.on(name, () => {
      if (!pass) controller.abort(name === 'SIGUSR1' || name === 'SIGUSR2' ? undefined : new Interrupted(name));
      else if (name !== 'SIGINT' || !process.stdin.isTTY) pass(name);
    });
  }
  return {
    signal: controller.signal,
    onStart: (kill) => {
      pass = kill;
    },
  };
}

await main(conventions(program));
