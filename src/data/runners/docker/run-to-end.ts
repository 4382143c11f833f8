import { SciStreamError } from '../../../core/errors.js';
import type { DockerEngine } from '../../../platform/docker/engine.js';
import type { Program } from '../runner.js';
import { logOf } from './container-log.js';
import type { ProgramPlan } from './container-options.js';
import { launch, removeContainer } from './containers.js';

/**
 * Runs a program that ends by itself, waits for its end at most `ms`, and leaves nothing of it; `doing` completes "could not …".
 * Throws as `launch` does.
 */
export async function runToEnd(
  engine: DockerEngine,
  program: Program,
  plan: ProgramPlan,
  doing: string,
  ms: number,
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const container = await launch(engine, program, plan);
  try {
    await engine.call<unknown>(doing, (docker, abortSignal) => docker.getContainer(container).wait({ abortSignal }), {
      ms,
    });
    const info = await engine.inspect(container);
    if (!info) throw new SciStreamError('SERVER_ERR', `The container ${plan.name} was removed by somebody else.`);
    return { exitCode: info.State.ExitCode, output: (await logOf(engine, container)).join('\n') };
  } finally {
    await removeContainer(engine, container);
  }
}
