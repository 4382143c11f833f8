import { createClient, createRouterTransport, type Client, type ServiceImpl } from '@connectrpc/connect';
import { pino } from 'pino';
import { none } from '../../src/auth/none.js';
import type { Verifier } from '../../src/auth/verifier.js';
import type { Facility } from '../../src/control/facility.js';
import { Gateway } from '../../src/control/gateway.js';
import type { Session } from '../../src/control/session.js';
import { SessionManager } from '../../src/control/session-manager.js';
import { TrafficFeed } from '../../src/control/traffic.js';
import { controlV1 } from '../../src/control/v1/index.js';
import { controlV2 } from '../../src/control/v2/index.js';
import { systemClock, type Clock } from '../../src/core/clock.js';
import type { Security } from '../../src/core/protection.js';
import { Agent } from '../../src/data/agent.js';
import { dataService } from '../../src/data/service.js';
import { ControlService } from '../../src/gen/scistream/control/v2/control_pb.js';
import { DataService } from '../../src/gen/scistream/data/v1/data_pb.js';
import { Control } from '../../src/gen/scistream_pb.js';
import type { SessionTransition } from '../../src/observe/events.js';
import { understandErrors } from '../../src/platform/rpc-client.js';
import { answerErrors } from '../../src/platform/rpc-errors.js';

export interface MemoryFacility {
  readonly facility: Facility;
  readonly agent: Agent;
  readonly transitions: SessionTransition[];
  /** As when the server stops. */
  readonly drain: () => Promise<readonly Session[]>;
  /** Every line of both servers' log, with all levels. */
  readonly logged: string[];
  readonly v1: Client<typeof Control>;
  readonly v2: Client<typeof ControlService>;
}

const portableEngine = {
  workers: 1,
  portable: true,
  bufferSize: 1 << 20,
  socketBuffer: 0,
  idleTimeoutMs: 0,
};
/** Nothing is run here. */
const images = { haproxy: 'none', nginx: 'none', stunnel: 'none' };
const noRunners = { folder: '/nonexistent', docker: { host: undefined, images, gateway: 'memory' } };

export interface MemoryOptions {
  verifier?: Verifier;
  security?: Security;
  pskOnly?: boolean;
  pskFromUid?: boolean;
  enforceV1Rate?: boolean;
  /** Of the control server. */
  clock?: Clock;
  setupTimeoutMs?: number;
  /** Lets a test decide when a call to the data server is answered. */
  beforeDataCall?: () => Promise<unknown>;
  /** Told of every watch at the data server: 1 when it is opened, -1 when it has ended. */
  onDataWatch?: (change: 1 | -1) => void;
}

function countWatches(
  service: ServiceImpl<typeof DataService>,
  onDataWatch: (change: 1 | -1) => void,
): ServiceImpl<typeof DataService> {
  return {
    ...service,
    async *watch(request, context) {
      onDataWatch(1);
      try {
        yield* service.watch(request, context);
      } finally {
        onDataWatch(-1);
      }
    },
  };
}

/** A facility with all of its own parts in this process and no sockets: for what depends on order, not on networks. */
export function memoryFacility(options: MemoryOptions = {}): MemoryFacility {
  const {
    verifier = none,
    security = 'none',
    pskOnly = false,
    pskFromUid = false,
    enforceV1Rate = false,
    beforeDataCall,
  } = options;
  const { onDataWatch = () => undefined, clock = systemClock, setupTimeoutMs = 60_000 } = options;
  const logged: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line) => void logged.push(line) });
  const listenerIp = '127.0.0.1';
  const portRange = { kind: 'system' } as const;
  const types = { legacyStunnelPeer: false };
  const agent = new Agent({ listenerIp, portRange, logger, engines: portableEngine, runners: noRunners, types });
  const identity = { version: '0.0.0', name: 'memory', listenerIp, portRange, managed: true, settings: {} };
  const dataTransport = createRouterTransport(
    ({ service }) =>
      service(
        DataService,
        countWatches(
          dataService(agent, identity, () => undefined),
          onDataWatch,
        ),
      ),
    {
      router: { interceptors: [answerErrors(logger)] },
      transport: {
        interceptors: [
          (next) => async (request) => {
            await beforeDataCall?.();
            return next(request);
          },
        ],
      },
    },
  );
  const transitions: SessionTransition[] = [];
  const isServed = (): Promise<boolean> => Promise.resolve(true);
  const client = createClient(DataService, understandErrors(dataTransport, 'memory', 10_000));
  const gateway = new Gateway({ client, type: 'mock', types: [], isServed, logger });
  const limits = { maxSessions: 1000, setupTimeoutMs };
  const record = (transition: SessionTransition): void => void transitions.push(transition);
  const sessions = new SessionManager({ gateway, clock, record, logger, ...limits });
  const facility = {
    version: '0.0.0',
    gateway,
    gatewayName: 'memory',
    sessions,
    traffic: new TrafficFeed({ gateway, clock, logger }),
    security,
    pskOnly,
    pskFromUid,
    enforceV1Rate,
    verifier,
    logger,
    listenerIp,
    maxListeners: 100,
    ...limits,
  };
  const control = createRouterTransport(
    ({ service }) => {
      service(Control, controlV1(facility));
      service(ControlService, controlV2(facility));
    },
    { router: { interceptors: [answerErrors(logger)] } },
  );
  return {
    facility,
    agent,
    drain: () => sessions.drain(() => Promise.resolve(), new AbortController().signal),
    transitions,
    logged,
    v1: createClient(Control, control),
    v2: createClient(ControlService, control),
  };
}
