import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { messageOf } from '../../../core/errors.js';
import type { Availability, Program } from '../runner.js';
import type { JanusApi } from './api.js';

export interface Needs {
  readonly image: string;
  readonly profile: string;
  readonly node: string;
  readonly folder: string;
}

const deadlineMs = 5_000;

/** Whether Janus could run this program: what is asked there is what `create` would look up. */
export async function preflight(api: JanusApi, program: Program, needs: Needs): Promise<Availability> {
  try {
    const reason = await missing(api, program, needs);
    return reason === undefined ? { available: true } : { available: false, reason };
  } catch (error) {
    return { available: false, reason: messageOf(error) };
  }
}

async function missing(api: JanusApi, program: Program, needs: Needs): Promise<string | undefined> {
  const { image, profile, node, folder } = needs;
  const signal = AbortSignal.timeout(deadlineMs);
  const janus = `Janus at ${api.address}`;
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    return `The folder of the volume that ${program.name} is to find cannot be used: ${messageOf(error)}`;
  }
  const nodes = await api.nodes(signal);
  if (!nodes.includes(node)) {
    return `${janus} shows this user no node ${JSON.stringify(node)}${listed(nodes)}; choose one of them or add it.`;
  }
  if (!(await api.hasProfile(profile, signal))) {
    return `${janus} shows this user no host profile ${JSON.stringify(profile)}; make it, with the volume in it.`;
  }
  const images = await api.images(signal);
  if (!images.includes(withoutTag(image))) {
    const needed = `no image ${JSON.stringify(withoutTag(image))} for ${program.name}`;
    return `${janus} shows this user ${needed}; pull ${JSON.stringify(image)} on ${node}, or choose another.`;
  }
  return undefined;
}

/** As Janus itself does it: all from the first colon on. */
function withoutTag(image: string): string {
  return image.split(':', 1)[0] ?? image;
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return '';
  return ` (it shows ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''})`;
}
