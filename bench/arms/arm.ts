import { until } from '../../src/core/until.js';
import type { Transport } from '../../src/core/protection.js';
import type { Scope } from '../../src/core/scope.js';
import { EchoServer, echoes } from '../support/echo.js';
import type { ProgramName } from '../support/programs.js';

const readyMs = 10_000;

export interface Way {
  /** Port of 127.0.0.1 to which everything is to be forwarded. */
  readonly target: number;
  readonly transport: Transport;
  /** Exists, and is removed after the arm. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

export interface OpenArm {
  /** Port of 127.0.0.1 for clients. */
  readonly listener: number;
  /** Port between two gateways, when there are two. */
  readonly middle?: number;
  /** Processes of the arm; children of them count too. */
  readonly pids: readonly number[];
}

/** A way from a client to a target: one of the programs that are compared, in one configuration. */
export interface Arm {
  readonly name: string;
  readonly label: string;
  readonly needs: readonly ProgramName[];
  /** The leg between its gateways must not carry clear text. */
  readonly encrypted?: boolean;
  /** Starts its processes, owned by `scope`. They may still be on their way to being ready. */
  readonly open: (way: Way, scope: Scope) => Promise<OpenArm>;
}

export interface ProvenArm extends OpenArm {
  /** The port to which the arm forwards; nobody listens there yet. */
  readonly target: number;
}

/**
 * Opens an arm and waits until bytes come back through it unchanged, from an echo server in the place of the target. Throws
 * when they do not, and when an encrypted arm forwards clear text.
 */
export async function openProven(arm: Arm, way: Omit<Way, 'target'>, scope: Scope): Promise<ProvenArm> {
  const { transport, signal } = way;
  await using echo = await EchoServer.listen(transport);
  const open = await arm.open({ ...way, target: echo.port }, scope);
  const forwards = (): Promise<boolean> => echoes(open.listener, transport);
  await until(`An echo through ${arm.label}`, readyMs, forwards, signal);
  if (arm.encrypted === true && (open.middle === undefined || (await echoes(open.middle, transport)))) {
    throw new Error('the leg between the gateways takes clear text');
  }
  return { ...open, target: echo.port };
}
