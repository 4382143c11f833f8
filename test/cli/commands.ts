import { expect } from 'vitest';
import { z } from 'zod';
import type { Facility } from '../support/facility.js';
import { run, type Finished, type ProgramName, type ProgramOptions } from '../support/program.js';

type Options = ProgramOptions & { input?: string };

export const address = z.string().regex(/^(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]):\d+$/);

/** The keys that scripts rely on: no more, so that no secret can be among them, and no fewer. */
export const session = z.strictObject({
  uid: z.string(),
  role: z.enum(['PROD', 'CONS']),
  s2cs: address,
  state: z.string(),
  listeners: z.array(address),
  targets: z.array(address),
  security: z.string(),
  expires: z.iso.datetime().nullable(),
});

export const stream = z.strictObject({
  uid: z.string(),
  inbound: session,
  outbound: session,
  connect: z.array(address),
});

/** How a command trusts these facilities. */
export function trusting(...facilities: readonly Facility[]): string[] {
  return facilities.flatMap(({ certificate }) => ['--server-cert', certificate]);
}

/** How a command that takes one control server reaches this facility. */
export function at(facility: Facility): string[] {
  return ['--s2cs', facility.address, ...trusting(facility)];
}

/** How `s2uc stream` reaches its two facilities. */
export function between(producer: Facility, consumer: Facility): string[] {
  return ['--inbound', producer.address, '--outbound', consumer.address, ...trusting(producer, consumer)];
}

/** Runs a command that must succeed. */
export async function succeeds(name: ProgramName, args: readonly string[], options?: Options): Promise<Finished> {
  const finished = await run(name, args, options);
  expect(finished.code, `${name} ${args.join(' ')}\n${finished.stderr}`).toBe(0);
  return finished;
}

/** The one JSON value on stdout of a command that must succeed. */
export async function succeedsWithJson<T>(
  schema: z.ZodType<T>,
  name: ProgramName,
  args: readonly string[],
  options?: Options,
): Promise<T> {
  const { stdout } = await succeeds(name, [...args, '--json'], options);
  expect(stdout).toMatch(/^[^\n]+\n$/);
  return schema.parse(JSON.parse(stdout));
}

/** Asserts a failure as scripts and people need it: its exit code, nothing on stdout, words and no stack trace on stderr. */
export function expectFailure(finished: Finished, code: number, says: RegExp): void {
  expect(finished.stderr).toMatch(says);
  expect(finished.stderr).not.toMatch(/^\s+at /m);
  expect({ code: finished.code, stdout: finished.stdout }).toEqual({ code, stdout: '' });
}

/** Runs a command that must fail. */
export async function fails(
  name: ProgramName,
  args: readonly string[],
  failure: { code: number; says: RegExp },
  options?: Options,
): Promise<Finished> {
  const finished = await run(name, args, options);
  expectFailure(finished, failure.code, failure.says);
  return finished;
}

/** Runs a command that must fail and say so in one line under its name, and nothing else. */
export async function failsInOneSentence(
  name: ProgramName,
  args: readonly string[],
  failure: { code: number; says: RegExp },
  options?: Options,
): Promise<Finished> {
  const finished = await fails(name, args, failure, options);
  expect(finished.stderr).toMatch(new RegExp(`^${name}: [^\\n]+\\n$`));
  return finished;
}
