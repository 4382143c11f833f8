import { randomBytes } from 'node:crypto';
import { DataServer } from '../support/data-server.js';
import type { Arm } from './arm.js';

const keyBytes = 32;

export const relay: Arm = oneHop('relay', 'relay', false);

/** With Node's own sockets, as on systems that are not Linux. */
export const relayPortable: Arm = oneHop('relay-portable', 'relay --portable', true);

export const relayTwoHops: Arm = twoHops('relay-two-hops', 'relay, two hops', false);

export const relayEncrypted: Arm = twoHops('relay-encrypted', 'relay TLS 1.3 PSK', true);

/** One gateway, as between an application and its own facility's border. */
function oneHop(name: string, label: string, portable: boolean): Arm {
  return {
    name,
    label,
    needs: [],
    open: async ({ target, transport, folder, signal }, scope) => {
      const server = await DataServer.start({ folder, portable, name: 'prod' }, scope, signal);
      const { port } = await server.forward({ role: 'PROD', transport }, target);
      return { listener: port, pids: [server.pid] };
    },
  };
}

/** The gateways of two facilities, as a whole stream has them: client, consumer side, producer side, target. */
function twoHops(name: string, label: string, encrypted: boolean): Arm {
  return {
    name,
    label,
    needs: [],
    encrypted,
    open: async ({ target, transport, folder, signal }, scope) => {
      const start = (end: string): Promise<DataServer> =>
        DataServer.start({ folder, portable: false, name: end }, scope, signal);
      const [prod, cons] = await Promise.all([start('prod'), start('cons')]);
      const protection = encrypted ? { psk: randomBytes(keyBytes) } : {};
      const inbound = await prod.forward({ role: 'PROD', transport, ...protection }, target);
      const outbound = await cons.forward({ role: 'CONS', transport, ...protection }, inbound.port);
      return { listener: outbound.port, middle: inbound.port, pids: [prod.pid, cons.pid] };
    },
  };
}
