import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../src/core/errors.js';
import { Scope } from '../../src/core/scope.js';
import type { Arm } from '../arms/arm.js';
import { missingPrograms } from '../support/programs.js';
import type { ArmResult, Context, Sample } from './scenario.js';

export interface Procedure<Opened> {
  /** Gets the arm ready to be measured; what it starts belongs to `scope`. `folder` is the arm's own. */
  readonly open: (arm: Arm, folder: string, scope: Scope) => Promise<Opened>;
  readonly measure: (opened: Opened) => Promise<Sample>;
}

/** An arm in the course of a scenario. */
class Contestant<Opened> {
  readonly arm: Arm;
  readonly scope: Scope;
  readonly samples: Sample[] = [];
  opened: Opened | undefined;
  problem: string | undefined;

  constructor(arm: Arm, scope: Scope) {
    this.arm = arm;
    this.scope = scope;
  }

  result(): ArmResult {
    const { arm, samples, problem } = this;
    return { name: arm.name, label: arm.label, samples, ...(problem === undefined ? {} : { problem }) };
  }
}

/**
 * Measures the arms in turn, A B C A B C, so that a disturbance from outside meets them all. An arm that fails is left out
 * from then on, with the reason in its result.
 */
export async function alternate<Opened>(
  arms: readonly Arm[],
  { open, measure }: Procedure<Opened>,
  context: Context,
): Promise<ArmResult[]> {
  await using scope = new Scope();
  const contestants = arms.map((arm) => new Contestant<Opened>(arm, scope.use(new Scope())));
  for (const [index, contestant] of contestants.entries()) {
    await attempt(contestant, context, async () => {
      const [missing] = missingPrograms(contestant.arm.needs);
      if (missing !== undefined) throw new Error(missing);
      // Not its name: a Unix socket's path has little room, and the system's folder may be deep already.
      const folder = path.join(context.folder, String(index));
      await mkdir(folder, { recursive: true, mode: 0o700 });
      contestant.opened = await open(contestant.arm, folder, contestant.scope);
    });
  }
  for (let round = 1; round <= context.rounds; round++) {
    for (const contestant of contestants) {
      const { opened, problem, arm, samples } = contestant;
      if (opened === undefined || problem !== undefined) continue;
      context.tell(`  round ${round} of ${context.rounds}: ${arm.label}`);
      await attempt(contestant, context, async () => samples.push(await measure(opened)));
    }
  }
  return contestants.map((contestant) => contestant.result());
}

async function attempt<Opened>(
  contestant: Contestant<Opened>,
  { tell, signal }: Context,
  step: () => Promise<unknown>,
): Promise<void> {
  try {
    signal.throwIfAborted();
    await step();
  } catch (error) {
    signal.throwIfAborted();
    contestant.problem = messageOf(error);
    tell(`  ${contestant.arm.label} is left out: ${contestant.problem}`);
    await contestant.scope[Symbol.asyncDispose]();
  }
}
