import { accessSync, constants, statSync, type Stats } from 'node:fs';
import { InvalidArgumentError } from '@commander-js/extra-typings';
import type { DemoOptions } from './demo.js';
import { messageOf } from './problems.js';
import { profileNames, profiles, type ProfileName } from './profiles.js';

const mostMessages = 100_000_000;

export const defaultMessages = profileNames.map((name) => `${name} ${profiles[name].messages}`).join(', ');

interface Flags {
  profile: ProfileName;
  messages?: number;
  input?: InputFile;
}

interface InputFile {
  readonly file: string;
  readonly bytes: number;
}

/** The flags as the demo takes them: a file is as many messages as it fills. */
export function demoOptions({ profile, messages, input }: Flags): DemoOptions {
  if (!input) return { profile, messages: messages ?? profiles[profile].messages };
  return { profile, messages: Math.ceil(input.bytes / profiles[profile].messageBytes), input: input.file };
}

export function parseMessages(text: string): number {
  const count = Number(text);
  if (/^[0-9]+$/.test(text) && count >= 1 && count <= mostMessages) return count;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${mostMessages}.`);
}

export function parseFile(file: string): InputFile {
  const found = regularFile(file);
  if (found.size === 0) throw new InvalidArgumentError('The file is empty.');
  return { file, bytes: found.size };
}

function regularFile(file: string): Stats {
  try {
    accessSync(file, constants.R_OK);
    const found = statSync(file);
    if (found.isFile()) return found;
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
  throw new InvalidArgumentError('It is not a file.');
}
