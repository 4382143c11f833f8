import { Command } from '@commander-js/extra-typings';
import { ControlClient } from '../../client/control-client.js';
import { requestSession } from '../../client/request.js';
import { formatEndpoint, parseEndpoints, parseIp } from '../../core/endpoint.js';
import { parseUid } from '../../core/identity.js';
import { stopSignal } from '../main.js';
import { maskedToken, reaching, reachOne } from '../server-options.js';
import { print } from '../output.js';
import { argument, parsePorts } from '../parse.js';
import { keyReading, requestWithKey } from './protecting.js';
import { rateFields, requesting, showRequested } from './requesting.js';

/** Opens the consumer's end and points it at the listeners of the producer's end. */
export const outboundRequest = reaching(keyReading(requesting(new Command('outbound-request'))))
  .summary('open the end beside the consumer')
  .description("Opens the outbound end of a stream, beside the consumer, and points it at the inbound end's listeners.")
  .argument('<uid>', 'what inbound-request printed first', argument(parseUid))
  .argument('<listeners>', 'what it printed as listeners, host:port separated by commas', argument(parseEndpoints))
  .option('--remote-ip <ip>', "the gateway's address at which the listeners are wanted", argument(parseIp))
  .option(
    '--receiver-ports <ports>',
    'ports wanted for the listeners, used when in range and free',
    argument(parsePorts),
  )
  .option('--mock', 'do not say Hello: wait until an application controller does')
  .action(async (uid, endpoints, { remoteIp, receiverPorts, mock, ...flags }) => {
    const server = await reachOne(flags, flags.s2cs);
    using client = new ControlClient(server);
    const identity = `${uid} ${client.address} ${await maskedToken(server)} CONS`;
    const targets = endpoints.map(formatEndpoint);
    const request = {
      uid,
      role: 'CONS' as const,
      numConn: flags.numConn ?? targets.length,
      targets,
      ...(mock ? {} : { application: targets }),
      ...rateFields(flags.rate),
      preferredPorts: receiverPorts,
      listenerIp: remoteIp,
      labels: flags.label,
      lifetimeMs: flags.lifetime,
      waitMs: flags.helloTimeout,
      signal: stopSignal(),
    };
    const session = await requestWithKey(flags, (protection) => requestSession(client, { ...request, ...protection }));
    if (showRequested(session, identity, flags.json)) return;
    print(`The consumer connects to ${session.listeners.join(', ')}.`);
  });
