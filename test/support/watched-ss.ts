import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { vi, onTestFinished } from 'vitest';
import { temporaryDir } from './facility.js';

/** Until the test ends, `ss` notes its environment before it does its work. Gives those of all runs so far. */
export async function watchedSs(): Promise<() => Promise<readonly string[]>> {
  const dir = await temporaryDir();
  const usual = process.env['PATH'] ?? '';
  const script = ['#!/bin/sh', `env > ${dir}/run-$$`, `PATH='${usual}'`, 'exec ss "$@"', ''].join('\n');
  const file = path.join(dir, 'ss');
  await writeFile(file, script);
  await chmod(file, 0o700);
  vi.stubEnv('PATH', `${dir}:${usual}`);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  return async () => {
    const runs = (await readdir(dir)).filter((name) => name.startsWith('run-'));
    return Promise.all(runs.map((name) => readFile(path.join(dir, name), 'utf8')));
  };
}

/** Until the test ends, there is no `ss`, nor any other program that is searched in the PATH: for what has been started. */
export async function withoutSs(): Promise<void> {
  vi.stubEnv('PATH', await temporaryDir());
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}
