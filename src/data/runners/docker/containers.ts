import path from 'node:path';
import { z } from 'zod';
import { SciStreamError, toSciStreamError } from '../../../core/errors.js';
import { until } from '../../../core/until.js';
import type { DockerEngine } from '../../../platform/docker/engine.js';
import { statusOf } from '../../../platform/docker/errors.js';
import type { Program } from '../runner.js';
import { containerOptions, type ContainerPlan, type ProgramPlan } from './container-options.js';
import { missingImage } from './images.js';
import { carries, gatewayLabel, reservationOf } from './names.js';

const graceMs = 250;
/** Milliseconds for the Engine to answer what it does at once. */
const answerMs = 5_000;
const removalMs = 20_000;
const created = z.object({ id: z.string() });
const listed = z.array(z.object({ Labels: z.record(z.string(), z.string()).nullish() }));

/** The image does not have the program: nothing but another image helps. */
export class ProgramMissing extends SciStreamError {
  constructor(image: string, program: Program) {
    const { name } = program;
    super(
      'UNAVAILABLE',
      `The image ${image} has no ${commandsOf(program).join(' or ')}: name another with --${name}-image.`,
    );
  }
}

/**
 * Creates and starts a container and answers its id; leaves nothing when that fails. Images have different names for a
 * program: the first that the image knows is taken.
 */
export async function launch(engine: DockerEngine, program: Program, plan: ProgramPlan): Promise<string> {
  try {
    for (const command of commandsOf(program)) {
      const id = await create(engine, program, { ...plan, command });
      try {
        await engine.call(`start container ${plan.name}`, (docker, abortSignal) =>
          docker.getContainer(id).start({ abortSignal }),
        );
        return id;
      } catch (error) {
        if (!isUnknownCommand(error)) throw error;
        await removeContainer(engine, id);
      }
    }
  } catch (error) {
    // A request that was given up may still be carried out. Where this fails too, the next start or agent removes it.
    await removeLeftover(engine, plan).catch(() => undefined);
    throw error;
  }
  throw new ProgramMissing(plan.image, program);
}

/**
 * Ends a container and removes it; resolves when it is gone. One that is gone already is no error. The program leaves at once
 * when it is asked to: all wait for nothing. HAProxy does not hear it, as the kernel keeps from the first process of a container
 * what that does not handle, so the time until it is made to is short.
 */
export async function stopContainer(engine: DockerEngine, id: string): Promise<void> {
  const asked = engine.call(
    `stop container ${id}`,
    (docker, abortSignal) => docker.getContainer(id).kill({ signal: 'SIGTERM', abortSignal }),
    { ms: answerMs },
  );
  try {
    await asked;
    const end = `see container ${id} end`;
    await engine
      .call<unknown>(end, (docker, abortSignal) => docker.getContainer(id).wait({ abortSignal }), { ms: graceMs })
      // It does not want to.
      .catch(() => undefined);
  } catch (error) {
    // Else it has ended already.
    if (toSciStreamError(error).code === 'UNAVAILABLE') throw error;
  }
  await removeContainer(engine, id);
}

/** Ends a container at once and removes it, with what it has written; resolves when it is gone. */
export async function removeContainer(engine: DockerEngine, id: string): Promise<void> {
  try {
    await engine.call(
      `remove container ${id}`,
      (docker, abortSignal) => docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
      { ms: removalMs },
    );
  } catch (error) {
    const status = statusOf(error);
    if (status === 404) return;
    if (status !== 409) throw error;
    // Somebody else is removing it.
    await until(`The removal of container ${id}`, removalMs, async () => (await engine.inspect(id)) === undefined);
  }
}

/** The reservations of all containers of a gateway, running or not. */
export async function reservationsOf(engine: DockerEngine, gateway: string): Promise<readonly string[]> {
  const filters = { label: [`${gatewayLabel}=${gateway}`] };
  const containers = await engine.call(
    'list its containers',
    async (docker, abortSignal) => listed.parse(await docker.listContainers({ all: true, filters, abortSignal })),
    { ms: answerMs },
  );
  return containers.flatMap(({ Labels }) => reservationOf(Labels) ?? []);
}

async function create(engine: DockerEngine, program: Program, plan: ContainerPlan): Promise<string> {
  const attempt = async (): Promise<string> =>
    engine.call(
      `create container ${plan.name}`,
      async (docker, abortSignal) =>
        created.parse(await docker.createContainer({ ...containerOptions(plan), abortSignal })).id,
    );
  try {
    try {
      return await attempt();
    } catch (error) {
      if (statusOf(error) !== 409) throw error;
      await removeLeftover(engine, plan);
      return await attempt();
    }
  } catch (error) {
    throw statusOf(error) === 404 ? missingImage(plan.image, program.name, error) : error;
  }
}

/** Removes what an earlier attempt has left under the name. Throws ALREADY_EXISTS when it is not ours. */
async function removeLeftover(
  engine: DockerEngine,
  { name, labels }: Pick<ContainerPlan, 'name' | 'labels'>,
): Promise<void> {
  const info = await engine.inspect(name);
  if (!info) return;
  if (!carries(info.Config.Labels, labels)) {
    throw new SciStreamError(
      'ALREADY_EXISTS',
      `A container ${name} exists that this gateway has not made: remove it with docker rm --force ${name}.`,
    );
  }
  await removeContainer(engine, info.Id);
}

function commandsOf({ commands }: Program): string[] {
  return [...new Set(commands.map((command) => path.basename(command)))];
}

function isUnknownCommand(error: unknown): boolean {
  return error instanceof SciStreamError && /executable file .*not found/i.test(error.message);
}
