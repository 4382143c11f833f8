import { hostname } from 'node:os';
import type { Verifier } from '../auth/verifier.js';
import type { AgentSettings } from '../config/agent.js';
import type { Clock } from '../core/clock.js';
import { Deadline } from '../core/deadline.js';
import { orAborted } from '../core/deferred.js';
import { formatEndpoint, type Endpoint } from '../core/endpoint.js';
import { messageOf, SciStreamError } from '../core/errors.js';
import { capacityOf, type PortRange } from '../core/port-range.js';
import type { Security } from '../core/protection.js';
import { Scope } from '../core/scope.js';
import { Control } from '../gen/scistream_pb.js';
import { ControlService } from '../gen/scistream/control/v2/control_pb.js';
import { recordTransition, type SessionTransition } from '../observe/events.js';
import type { Logger } from '../observe/logger.js';
import { RpcServer } from '../platform/rpc-server.js';
import { assertLegacyPeer, chooseSecurity, chooseType } from './data-server-type.js';
import type { Facility } from './facility.js';
import { Gateway } from './gateway.js';
import { LocalAgent } from './local-agent.js';
import type { Session } from './session.js';
import { SessionManager } from './session-manager.js';
import { TrafficFeed } from './traffic.js';
import { controlV1 } from './v1/index.js';
import { controlV2 } from './v2/index.js';

/** How long calls that are being answered may take when the server stops. */
const closeGraceMs = 2_000;
/** How long sessions may take to be released then, a data server that has to be started for that included. */
const drainMs = 11_000;
const agentGone = 'the data server has gone';

export interface ControlServerOptions {
  version: string;
  listenerIp: string;
  /** 0: chosen by the system. */
  port: number;
  portRange: PortRange;
  /** Name or alias of the data server type that sessions get. */
  type: string;
  /** What sessions get that do not ask for more; undefined: the first that the type offers. */
  security?: Security | undefined;
  /** A session without a key uses its uid as the key, as version 1 does. */
  pskFromUid: boolean;
  enforceV1Rate: boolean;
  /** PEM; absent: no TLS. */
  tls?: { cert: string; key: string };
  verifier: Verifier;
  /** Already private and locked. */
  stateDir: string;
  /** Program and first arguments that start an s2ds. */
  agentCommand: readonly [string, ...string[]];
  agentSettings: AgentSettings;
  setupTimeoutMs: number;
  maxSessions: number;
  verbose: boolean;
  clock: Clock;
  logger: Logger;
}

/** A facility's control server: sessions, the protocol's two versions, and the data server it directs. */
export class ControlServer {
  readonly address: Endpoint;
  /** How streams are protected that do not ask for more. */
  readonly security: Security;
  readonly #rpc: RpcServer;
  readonly #sessions: SessionManager;
  readonly #agent: LocalAgent;

  private constructor(rpc: RpcServer, { listenerIp, security, sessions }: Facility, agent: LocalAgent) {
    this.address = { host: listenerIp, port: rpc.port };
    this.security = security;
    this.#rpc = rpc;
    this.#sessions = sessions;
    this.#agent = agent;
  }

  /** Throws a SciStreamError, with nothing left running, when it cannot serve, or when `signal` aborts first. */
  static async start(options: ControlServerOptions, signal: AbortSignal): Promise<ControlServer> {
    const { logger, listenerIp, port, tls } = options;
    const agent = await LocalAgent.start(options, signal);
    try {
      const facility = await describeFacility(options, agent, signal);
      agent.onLost = () => {
        facility.sessions.failEmbedded(agentGone).catch((error: unknown) => {
          logger.error({ reason: messageOf(error) }, 'sessions of the lost data server could not be ended');
        });
      };
      agent.onBack = () => {
        void facility.sessions.reconcile(agentGone);
      };
      await orAborted(facility.sessions.restore(), signal);
      const rpc = await RpcServer.listen({
        listen: { host: listenerIp, port },
        routes: (router) => {
          router.service(Control, controlV1(facility));
          router.service(ControlService, controlV2(facility));
        },
        logger,
        ...(tls ? { tls } : {}),
      });
      return new ControlServer(rpc, facility, agent);
    } catch (error) {
      await agent.discard();
      throw error;
    }
  }

  /**
   * Releases every session, answers those who wait, and ends the data server, within about 20 seconds. Throws UNAVAILABLE when
   * sessions could not be released, and naming them.
   */
  async close(): Promise<void> {
    this.#agent.expectEnd();
    await using scope = new Scope();
    scope.defer(() => this.#agent.stop());
    scope.defer(() => this.#rpc.close(closeGraceMs));
    scope.defer(() => this.#drain());
  }

  async #drain(): Promise<void> {
    using deadline = new Deadline(drainMs);
    const { signal } = deadline;
    const revive = async (): Promise<void> => {
      // One that others have to start is worth no wait for nothing.
      if (this.#agent.managed || this.#sessions.size > 0) await this.#agent.revive(signal);
    };
    const held = await this.#sessions.drain(revive, signal);
    // What is embedded ends with a data server of ours.
    const left = held.filter((session) => !this.#agent.managed || this.#sessions.outlivesAgent(session));
    if (left.length > 0) throw leftBehind(left);
  }
}

function leftBehind(sessions: readonly Session[]): SciStreamError {
  const named = sessions.map(({ uid, ports }) => [uid, ...(ports?.listeners ?? []).map(formatEndpoint)].join(' '));
  return new SciStreamError(
    'UNAVAILABLE',
    `The data server did not release what these sessions have: ${named.join('; ')}. Start s2cs again, which finds them, and release them.`,
  );
}

async function describeFacility(
  options: ControlServerOptions,
  agent: LocalAgent,
  signal: AbortSignal,
): Promise<Facility> {
  const { clock, logger, setupTimeoutMs, maxSessions } = options;
  const { types, name } = await agent.client.info({}, { signal });
  const type = chooseType(options.type, types);
  const { legacyStunnelPeer } = options.agentSettings;
  if (legacyStunnelPeer) assertLegacyPeer(type);
  const gateway = new Gateway({
    ...{ client: agent.client, type: type.name, types, logger },
    isServed: () => agent.isServed(),
  });
  const record = (transition: SessionTransition): void => {
    recordTransition(logger, transition);
  };
  return {
    version: options.version,
    gateway,
    gatewayName: name === '' ? hostname() : name,
    sessions: new SessionManager({ gateway, clock, setupTimeoutMs, maxSessions, logger, record }),
    traffic: new TrafficFeed({ gateway, clock, logger }),
    verifier: options.verifier,
    logger,
    security: chooseSecurity(options.security, type),
    pskOnly: legacyStunnelPeer,
    pskFromUid: options.pskFromUid,
    enforceV1Rate: options.enforceV1Rate,
    listenerIp: options.listenerIp,
    maxListeners: capacityOf(options.portRange),
    maxSessions,
    setupTimeoutMs,
  };
}
