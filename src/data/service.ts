import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { formatEndpoint, parseEndpoints } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import { parseRole } from '../core/identity.js';
import { formatPortRange, type PortRange } from '../core/port-range.js';
import {
  CountersSchema,
  InfoResponseSchema,
  ReservationSchema,
  TypeInfoSchema,
  type Counters as CountersMessage,
  type DataService,
  type Reservation as ReservationMessage,
} from '../gen/scistream/data/v1/data_pb.js';
import type { Agent } from './agent.js';
import type { Counters } from './engines/engine.js';
import type { Reservation } from './reservation.js';
import { dataServerTypes } from './types.js';

export interface AgentIdentity {
  version: string;
  /** The gateway node's name. */
  name: string;
  listenerIp: string;
  portRange: PortRange;
  /** Started by a control server, which may end it. */
  managed: boolean;
}

/** `scistream.data.v1` over an agent. `shutdown` is called once a control server has asked for the end. */
export function dataService(
  agent: Agent,
  identity: AgentIdentity,
  shutdown: () => void,
): ServiceImpl<typeof DataService> {
  return {
    async reserve(request, { signal }) {
      const reservation = await agent.reserve({
        ...request,
        role: parseRole(request.role),
        maxRate: Number(request.maxRate),
      });
      // Nobody would ever release what a caller asked for and did not wait for.
      if (signal.aborted) await reservation[Symbol.asyncDispose]();
      return { reservation: toMessage(reservation) };
    },
    async update({ id, forwards, annotations }) {
      const targets = forwards.map((forward) => parseEndpoints(forward.targets));
      return { reservation: toMessage(await agent.update(id, targets, annotations)) };
    },
    async release({ id }) {
      return { counters: countersMessage((await agent.release(id)).counters()) };
    },
    list({ id }) {
      const reservations = id === '' ? agent.list() : [agent.find(id)];
      return { reservations: reservations.map(toMessage) };
    },
    async info() {
      const { version, name, listenerIp, managed } = identity;
      return create(InfoResponseSchema, {
        version,
        name,
        pid: process.pid,
        listenerIp,
        portRange: formatPortRange(identity.portRange),
        portsTotal: agent.ports.total,
        portsFree: agent.ports.free,
        types: await Promise.all(dataServerTypes.map(describe)),
        managed,
      });
    },
    shutdown() {
      if (!identity.managed) {
        throw new SciStreamError(
          'POLICY_DENIED',
          'This data server was started on its own; stop it where it was started.',
        );
      }
      shutdown();
      return {};
    },
  };
}

async function describe({ name, aliases, engine, runner, engineImpl, runnerImpl }: (typeof dataServerTypes)[number]) {
  const availability = await runnerImpl.check();
  const { security, udp, rate } = engineImpl.capabilities;
  return create(TypeInfoSchema, {
    name,
    aliases: [...aliases],
    engine,
    runner,
    available: availability.available,
    reason: availability.available ? '' : availability.reason,
    security: [...security],
    udp,
    rate,
  });
}

function toMessage(reservation: Reservation): ReservationMessage {
  return create(ReservationSchema, {
    id: reservation.id,
    type: reservation.type,
    role: reservation.role,
    security: reservation.security,
    listeners: reservation.listeners.map(formatEndpoint),
    forwards: reservation.targets.map((targets) => ({ targets: targets.map(formatEndpoint) })),
    counters: countersMessage(reservation.counters()),
    annotations: { ...reservation.annotations },
  });
}

function countersMessage(counters: Counters): CountersMessage {
  const known = Object.entries(counters).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return create(CountersSchema, Object.fromEntries(known.map(([name, value]) => [name, BigInt(value)])));
}
