import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { commandLine } from './command-line.js';

const awkward = [
  '-f',
  '/vol/a b/haproxy.cfg',
  '',
  "it's",
  '"quoted"',
  '$(id)',
  '`id`',
  'a\\b',
  '*',
  'line\nbreak',
  '~',
  '#',
];

it('is split by a shell into the same arguments again', () => {
  const { stdout } = spawnSync('sh', ['-c', `printf '%s\\0' ${commandLine(awkward)}`], { encoding: 'utf8' });
  expect(stdout.split('\0').slice(0, -1)).toEqual(awkward);
});

it('leaves what needs no quotes as it is', () => {
  expect(commandLine(['-W', '-f', '/vol/r-1/haproxy.cfg'])).toBe('-W -f /vol/r-1/haproxy.cfg');
});
