import { spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { until } from '../../../src/core/until.js';
import { groupMembers, sendSignal } from '../../../src/platform/processes.js';
import { startJanus, type JanusDouble, type JanusDoubleOptions } from './controller.js';

const commands = { haproxy: '/usr/sbin/haproxy', nginx: '/usr/sbin/nginx', stunnel: '/usr/bin/stunnel4' };
const engines = ['haproxy', 'nginx', 'stunnel'] as const;

export interface RunningJanus {
  readonly double: JanusDouble;
  /** Process ids of all programs that run, of containers that are gone too. */
  readonly programs: () => Promise<readonly number[]>;
  /** Kills all of them. */
  readonly kill: () => Promise<void>;
}

/** A controller behind which the real programs run: the one that is in the name of the image. */
export async function runningJanus(options: Partial<JanusDoubleOptions> = {}): Promise<RunningJanus> {
  const groups: number[] = [];
  const double = await startJanus({
    generation: '2026',
    ...options,
    run: ({ image, arguments: given }) => {
      const engine = engines.find((name) => image.includes(name)) ?? 'haproxy';
      // In a group of its own, as a container dies with its first process.
      const child = spawn(commands[engine], given, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      if (child.pid !== undefined) groups.push(child.pid);
      return child;
    },
  });
  const programs = async (): Promise<readonly number[]> =>
    (await Promise.all(groups.map(groupMembers))).flat().map(({ pid }) => pid);
  const kill = async (): Promise<void> => {
    for (const group of groups) sendSignal(-group, 'SIGKILL');
    await until('the end of the programs', 5_000, async () => (await programs()).length === 0);
  };
  // Also of those whose container is gone.
  onTestFinished(kill);
  return { double, programs, kill };
}
