import { Command } from '@commander-js/extra-typings';
import { openStream, type Stream } from '../../client/stream.js';
import { formatEndpoint, parseEndpoints } from '../../core/endpoint.js';
import { SciStreamError } from '../../core/errors.js';
import { parseUid } from '../../core/identity.js';
import { parseDuration, parseRate } from '../../core/quantity.js';
import { stopSignal, untilStopped } from '../main.js';
import { note, print, printJson, sessionJson, warnUnlessEncrypted } from '../output.js';
import { argument, label, parseCount, parsePorts } from '../parse.js';
import { protecting, protectionOptions } from './protecting.js';
import { reach, reaching, reachFlags } from '../server-options.js';

/** Both ends in one go. */
export const stream = reaching(protecting(new Command('stream')))
  .summary('open both ends of a stream with one command')
  .description(
    'Opens a stream from a producer application through two facilities and tells where the consumer connects.',
  )
  .requiredOption('--inbound <host:port>', "control server of the producer's facility")
  .requiredOption('--targets <host:port,...>', 'where the producer application listens', argument(parseEndpoints))
  .requiredOption('--outbound <host:port>', "control server of the consumer's facility")
  .option('--num-conn <n>', 'number of listeners at each end (default: one per target)', argument(parseCount))
  .option(
    '--receiver-ports <ports>',
    "ports wanted for the consumer's listeners, used when in range and free",
    argument(parsePorts),
  )
  .option('--rate <rate>', 'limit, such as 20MB/s, 2.5Gbps or a number of kB/s (default: none)', argument(parseRate))
  .option('--label <key=value>', 'note on the stream, such as a job id; repeatable', label)
  .option('--lifetime <time>', 'end by itself after this time, such as 12h (default: never)', argument(parseDuration))
  .option('--uid <uid>', 'name of the stream (default: a random one)', argument(parseUid))
  .option('--hold', 'stay, and release the stream at Ctrl-C')
  .option('--json', 'print the stream as JSON')
  .action(async ({ inbound, outbound, targets, hold, json, ...flags }) => {
    const [from, to] = await reach(flags, inbound, outbound);
    if (!from || !to) throw new SciStreamError('BAD_FORMAT', 'A stream needs --inbound and --outbound.');
    const signal = stopSignal();
    const opened = await openStream({
      inbound: from,
      outbound: to,
      targets: targets.map(formatEndpoint),
      uid: flags.uid,
      numConn: flags.numConn,
      maxRate: flags.rate,
      ...protectionOptions(flags),
      labels: flags.label,
      lifetimeMs: flags.lifetime,
      preferredPorts: flags.receiverPorts,
      signal,
    });
    show(opened, { json, hold, reachedBy: reachFlags(flags) });
    if (!hold) return;
    note('Ctrl-C releases the stream.');
    await untilStopped(signal);
    await opened.release();
    note(`Released ${opened.uid}.`);
  });

interface Shown {
  json: boolean | undefined;
  hold: boolean | undefined;
  /** The flags by which the servers were reached, to be given again. */
  reachedBy: string;
}

function show({ uid, inbound, outbound, connect }: Stream, { json, hold, reachedBy }: Shown): void {
  warnUnlessEncrypted(inbound);
  if (json) {
    printJson({ uid, inbound: sessionJson(inbound), outbound: sessionJson(outbound), connect });
    return;
  }
  print(`Stream ${uid} is open.`);
  print(`  producer ${inbound.targets.join(',')} -> ${inbound.listeners.join(',')} -> ${outbound.listeners.join(',')}`);
  print(`  the consumer connects to ${connect.join(', ')}`);
  if (!hold) print(`End it with: s2uc release ${uid} --s2cs ${inbound.s2cs},${outbound.s2cs}${reachedBy}`);
}
