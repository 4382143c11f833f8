import { Command } from '@commander-js/extra-typings';
import { ControlClient } from '../../client/control-client.js';
import { requestSession } from '../../client/request.js';
import { defaultReceiverPorts } from '../../core/defaults.js';
import { createUid, parseUid } from '../../core/identity.js';
import { stopSignal } from '../main.js';
import { note } from '../output.js';
import { argument } from '../parse.js';
import { maskedToken, reaching, reachOne } from '../server-options.js';
import { keyWriting, requestWithNewKey } from './protecting.js';
import { rateFields, requesting, showRequested } from './requesting.js';

/** The producer's end for an application whose controller says Hello itself. */
export const prodReq = reaching(keyWriting(requesting(new Command('prod-req'))))
  .summary('open the end beside the producer; its controller says Hello')
  .description(
    'Opens the inbound end of a stream and waits until the application controller (appctrl) says where the producer is.',
  )
  .option('--uid <uid>', 'name of the stream (default: a random one)', argument(parseUid))
  .action(async ({ uid: given, ...flags }) => {
    const uid = given ?? createUid();
    const server = await reachOne(flags, flags.s2cs);
    using client = new ControlClient(server);
    const identity = `${uid} ${client.address} ${await maskedToken(server)} PROD`;
    note(`Waiting for the application controller of: ${identity}`);
    const request = {
      uid,
      fresh: given === undefined,
      role: 'PROD' as const,
      numConn: flags.numConn ?? defaultReceiverPorts.length,
      ...rateFields(flags.rate),
      labels: flags.label,
      lifetimeMs: flags.lifetime,
      waitMs: flags.helloTimeout,
      signal: stopSignal(),
    };
    const session = await requestWithNewKey(flags, (protection) =>
      requestSession(client, { ...request, ...protection }),
    );
    showRequested(session, identity, flags.json);
  });
