import { Command } from '@commander-js/extra-typings';
import { ControlClient } from '../../client/control-client.js';
import { requestSession } from '../../client/request.js';
import { defaultReceiverPorts } from '../../core/defaults.js';
import { formatEndpoint, parseIp } from '../../core/endpoint.js';
import { createUid, parseUid } from '../../core/identity.js';
import { stopSignal } from '../main.js';
import { maskedToken, reaching, reachOne } from '../server-options.js';
import { note, print } from '../output.js';
import { argument, parsePorts } from '../parse.js';
import { keyWriting, requestWithNewKey } from './protecting.js';
import { rateFields, requesting, showRequested } from './requesting.js';

/** Opens the producer's end and says Hello for the producer application. */
export const inboundRequest = reaching(keyWriting(requesting(new Command('inbound-request'))))
  .summary('open the end beside the producer')
  .description('Opens the inbound end of a stream, beside the producer, and points it at the producer application.')
  .option('--remote-ip <ip>', 'address of the producer application', argument(parseIp), '127.0.0.1')
  .option('--receiver-ports <ports>', `its ports (default: ${defaultReceiverPorts.join()})`, argument(parsePorts))
  .option('--mock', 'do not say Hello: wait until an application controller does')
  .option('--uid <uid>', 'name of the stream (default: a random one)', argument(parseUid))
  .action(async ({ remoteIp, receiverPorts = defaultReceiverPorts, mock, uid: given, ...flags }) => {
    const server = await reachOne(flags, flags.s2cs);
    using client = new ControlClient(server);
    const application = receiverPorts.map((port) => formatEndpoint({ host: remoteIp, port }));
    const token = await maskedToken(server);
    const identityOf = (name: string): string => `${name} ${client.address} ${token} PROD`;
    // The application controller has to be told the uid while the request still waits for it.
    const uid = given ?? (mock ? createUid() : undefined);
    if (mock && uid !== undefined) note(`Waiting for the application controller of: ${identityOf(uid)}`);
    const request = {
      uid,
      fresh: given === undefined,
      role: 'PROD' as const,
      numConn: flags.numConn ?? application.length,
      ...(mock ? {} : { application }),
      ...rateFields(flags.rate),
      labels: flags.label,
      lifetimeMs: flags.lifetime,
      waitMs: flags.helloTimeout,
      signal: stopSignal(),
    };
    const session = await requestWithNewKey(flags, (protection) =>
      requestSession(client, { ...request, ...protection }),
    );
    if (showRequested(session, identityOf(session.uid), flags.json)) return;
    const withKey = flags.keyFile === undefined ? '' : ` --key-file ${flags.keyFile}`;
    const next = `s2uc outbound-request ${session.uid} ${session.listeners.join(',')}${withKey}`;
    print(`Next, at the consumer's facility: ${next} --s2cs <its control server>`);
  });
