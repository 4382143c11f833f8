import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { formatEndpoint, parseEndpoints } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import { parseRole } from '../core/identity.js';
import { passed } from '../core/passed.js';
import { parseKey, parseTransport, securityOf } from '../core/protection.js';
import { formatPortRange, type PortRange } from '../core/port-range.js';
import {
  ConnectionSchema,
  CountersSchema,
  InfoResponseSchema,
  ReservationSchema,
  TypeInfoSchema,
  type Connection as ConnectionMessage,
  type Counters as CountersMessage,
  type DataService,
  type Reservation as ReservationMessage,
} from '../gen/scistream/data/v1/data_pb.js';
import type { Agent } from './agent.js';
import type { ConnectionInfo, Counters } from './engines/engine.js';
import type { Reservation } from './reservation.js';
import { limitsRate, securitiesOf, type DataServerType } from './types.js';

/** Between two answers of a watch, in milliseconds. */
const usualIntervalMs = 1000;
const shortestIntervalMs = 100;

export interface AgentIdentity {
  version: string;
  /** The gateway node's name. */
  name: string;
  listenerIp: string;
  portRange: PortRange;
  /** Started by a control server, which may end it. */
  managed: boolean;
  /** As `describeSettings` tells them. */
  settings: Readonly<Record<string, string>>;
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
        key: parseKey(request.psk),
        transport: parseTransport(request.transport),
      });
      // Nobody would ever release what a caller asked for and did not wait for.
      if (signal.aborted) await reservation[Symbol.asyncDispose]();
      return { reservation: toMessage(reservation) };
    },
    async update({ id, forwards, annotations, maxRate }) {
      const targets = forwards.map((forward) => parseEndpoints(forward.targets));
      const change = { targets, annotations, maxRate: maxRate === undefined ? undefined : Number(maxRate) };
      return { reservation: toMessage(await agent.update(id, change)) };
    },
    async release({ id }) {
      return { counters: countersMessage((await agent.release(id)).counters()) };
    },
    list({ id, connections }) {
      const reservations = chosen(agent, id);
      return {
        reservations: reservations.map((reservation) =>
          connections
            ? { ...toMessage(reservation), connections: reservation.connections().map(connectionMessage) }
            : toMessage(reservation),
        ),
      };
    },
    async *watch({ id, intervalMs }, { signal }) {
      const pause = Math.max(shortestIntervalMs, intervalMs === 0 ? usualIntervalMs : intervalMs);
      while (!signal.aborted) {
        const counters = chosen(agent, id).map(
          (reservation) => [reservation.id, countersMessage(reservation.counters())] as const,
        );
        yield { countersById: Object.fromEntries(counters) };
        await passed(pause, signal);
      }
    },
    async info({ brief }) {
      const { version, name, listenerIp, managed, settings } = identity;
      return create(InfoResponseSchema, {
        version,
        name,
        pid: process.pid,
        listenerIp,
        portRange: formatPortRange(identity.portRange),
        portsTotal: agent.ports.total,
        portsFree: agent.ports.free,
        types: brief ? [] : await Promise.all(agent.types.all.map(describe)),
        managed,
        settings: { ...settings },
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

function chosen(agent: Agent, id: string): readonly Reservation[] {
  return id === '' ? agent.list() : [agent.find(id)];
}

async function describe(type: DataServerType) {
  const { name, aliases, engine, runner, engineKind, programs } = type;
  const availability = await type.check();
  return create(TypeInfoSchema, {
    name,
    aliases: [...aliases],
    engine,
    runner,
    available: availability.available,
    reason: availability.available ? '' : availability.reason,
    programVersion: availability.available ? (availability.version ?? '') : '',
    outlivesAgent: programs !== undefined,
    security: securitiesOf(type),
    udp: engineKind.capabilities.udp,
    rate: await limitsRate(type),
  });
}

function toMessage(reservation: Reservation): ReservationMessage {
  return create(ReservationSchema, {
    id: reservation.id,
    type: reservation.type.name,
    role: reservation.role,
    security: securityOf(reservation.protection.kind),
    transport: reservation.transport,
    maxRate: BigInt(reservation.maxRate),
    listeners: reservation.listeners.map(formatEndpoint),
    forwards: reservation.targets.map((targets) => ({ targets: targets.map(formatEndpoint) })),
    counters: countersMessage(reservation.counters()),
    annotations: { ...reservation.annotations },
  });
}

function countersMessage(counters: Counters): CountersMessage {
  // Programs of others tell them: what is no count is not known.
  const known = Object.entries<number | undefined>({ ...counters }).filter((entry): entry is [string, number] =>
    isCount(entry[1]),
  );
  return create(CountersSchema, Object.fromEntries(known.map(([name, value]) => [name, BigInt(value)])));
}

function connectionMessage(connection: ConnectionInfo): ConnectionMessage {
  const { listener, client, target, bytesIn, bytesOut, retransmits, rttUs } = connection;
  return create(ConnectionSchema, {
    listener: formatEndpoint(listener),
    client: formatEndpoint(client),
    target: target ? formatEndpoint(target) : '',
    ...(isCount(bytesIn) ? { bytesIn: BigInt(bytesIn) } : {}),
    ...(isCount(bytesOut) ? { bytesOut: BigInt(bytesOut) } : {}),
    ...(isCount(retransmits) ? { retransmits: BigInt(retransmits) } : {}),
    ...(isCount(rttUs) ? { rttUs: BigInt(rttUs) } : {}),
  });
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0;
}
