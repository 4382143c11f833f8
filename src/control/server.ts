import { hostname } from 'node:os';
import type { Verifier } from '../auth/verifier.js';
import type { Clock } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import { messageOf, SciStreamError } from '../core/errors.js';
import { capacityOf, type PortRange } from '../core/port-range.js';
import { Scope } from '../core/scope.js';
import { Control } from '../gen/scistream_pb.js';
import { ControlService } from '../gen/scistream/control/v2/control_pb.js';
import type { TypeInfo } from '../gen/scistream/data/v1/data_pb.js';
import { recordTransition } from '../observe/events.js';
import type { Logger } from '../observe/logger.js';
import { RpcServer } from '../platform/rpc-server.js';
import type { Facility } from './facility.js';
import { Gateway } from './gateway.js';
import { LocalAgent } from './local-agent.js';
import { SessionManager } from './session-manager.js';
import { controlV1 } from './v1/index.js';
import { controlV2 } from './v2/index.js';

/** How long calls that are being answered may take when the server stops. */
const closeGraceMs = 2_000;

export interface ControlServerOptions {
  version: string;
  listenerIp: string;
  /** 0: chosen by the system. */
  port: number;
  portRange: PortRange;
  /** Name or alias of the data server type that sessions get. */
  type: string;
  /** PEM; absent: no TLS. */
  tls?: { cert: string; key: string };
  verifier: Verifier;
  /** Already private and locked. */
  stateDir: string;
  /** Program and first arguments that start an s2ds. */
  agentCommand: readonly [string, ...string[]];
  setupTimeoutMs: number;
  maxSessions: number;
  verbose: boolean;
  clock: Clock;
  logger: Logger;
}

/** A facility's control server: sessions, the protocol's two versions, and the data server it directs. */
export class ControlServer {
  readonly address: Endpoint;
  readonly #rpc: RpcServer;
  readonly #sessions: SessionManager;
  readonly #agent: LocalAgent;

  private constructor(rpc: RpcServer, address: Endpoint, sessions: SessionManager, agent: LocalAgent) {
    this.address = address;
    this.#rpc = rpc;
    this.#sessions = sessions;
    this.#agent = agent;
  }

  /** Throws a SciStreamError, with nothing left running, when it cannot serve. */
  static async start(options: ControlServerOptions): Promise<ControlServer> {
    const { logger, listenerIp, port, tls } = options;
    const agent = await LocalAgent.start(options);
    try {
      const facility = await describeFacility(options, agent);
      agent.onLost = () => {
        facility.sessions.failAll('the data server has gone').catch((error: unknown) => {
          logger.error({ reason: messageOf(error) }, 'sessions of the lost data server could not be ended');
        });
      };
      await facility.sessions.restore();
      const rpc = await RpcServer.listen({
        listen: { host: listenerIp, port },
        routes: (router) => {
          router.service(Control, controlV1(facility));
          router.service(ControlService, controlV2(facility));
        },
        logger,
        ...(tls ? { tls } : {}),
      });
      return new ControlServer(rpc, { host: listenerIp, port: rpc.port }, facility.sessions, agent);
    } catch (error) {
      await agent.discard();
      throw error;
    }
  }

  /** Releases every session, answers those who wait, and ends the data server. */
  async close(): Promise<void> {
    this.#agent.expectEnd();
    await using scope = new Scope();
    scope.defer(() => this.#agent.stop());
    scope.defer(() => this.#rpc.close(closeGraceMs));
    scope.defer(() => this.#sessions.drain());
  }
}

async function describeFacility(options: ControlServerOptions, agent: LocalAgent): Promise<Facility> {
  const { version, listenerIp, portRange, verifier, setupTimeoutMs, maxSessions, clock, logger } = options;
  const { types, name } = await agent.client.info({});
  const gateway = new Gateway(agent.client, chooseType(options.type, types));
  const sessions = new SessionManager({
    gateway,
    clock,
    setupTimeoutMs,
    maxSessions,
    logger,
    record: (transition) => {
      recordTransition(logger, transition);
    },
  });
  const gatewayName = name === '' ? hostname() : name;
  const maxListeners = capacityOf(portRange);
  return {
    version,
    gateway,
    gatewayName,
    sessions,
    verifier,
    logger,
    listenerIp,
    maxListeners,
    maxSessions,
    setupTimeoutMs,
  };
}

/** The agent's own name for a type, whatever case or alias the operator used. */
function chooseType(wanted: string, types: readonly TypeInfo[]): string {
  const found = types.find(({ name, aliases }) =>
    [name, ...aliases].some((known) => known.toLowerCase() === wanted.toLowerCase()),
  );
  if (!found) {
    const known = types.flatMap(({ name, aliases }) => [name, ...aliases]).join(', ');
    throw new SciStreamError('BAD_FORMAT', `--type ${wanted} is not a data server type; known are ${known}.`);
  }
  if (!found.available) {
    throw new SciStreamError('NOT_IMPLEMENTED', `--type ${wanted} cannot run here: ${found.reason}`);
  }
  return found.name;
}
