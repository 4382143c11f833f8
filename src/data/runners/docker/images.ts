import { z } from 'zod';
import { show } from '../../../core/endpoint.js';
import { SciStreamError } from '../../../core/errors.js';
import type { CallOptions, DockerEngine } from '../../../platform/docker/engine.js';
import { statusOf } from '../../../platform/docker/errors.js';
import type { Program } from '../runner.js';

export type ImageNames = Readonly<Record<Program['name'], string>>;

const imageName = /^[a-z0-9](?:[A-Za-z0-9._/:-]{0,255}[A-Za-z0-9])?(?:@sha256:[0-9a-f]{64})?$/;
const digestOf = /(?:^|@)(sha256:[0-9a-f]{64})$/;
const imageInfo = z.object({ Id: z.string(), RepoDigests: z.array(z.string()).nullish() });
const engineVersion = z.object({ Version: z.string() });
/** Characters of an image's id that tell it from others. */
const shownId = 'sha256:'.length + 12;

type ImageInfo = z.infer<typeof imageInfo>;

/** `name`, `name:tag`, `name@sha256:digest` or an image's id. Throws BAD_FORMAT naming the option. */
export function parseImageName(text: string, program: Program['name']): string {
  if (imageName.test(text)) return text;
  throw new SciStreamError(
    'BAD_FORMAT',
    `--${program}-image ${show(text)} is not an image; write name:tag or name@sha256:digest.`,
  );
}

/** The image as the Engine has it. One pinned by a digest must have it, from its registry or as its own id. Throws UNAVAILABLE. */
async function findImage(
  engine: DockerEngine,
  name: string,
  program: Program['name'],
  options?: CallOptions,
): Promise<ImageInfo> {
  const digest = digestOf.exec(name)?.[1];
  for (const reference of digest === undefined ? [name] : [name, digest]) {
    const info = await inspect(engine, reference, options);
    if (info && (digest === undefined || hasDigest(info, digest))) return info;
  }
  throw missingImage(name, program);
}

export interface CheckedImage {
  readonly id: string;
  /** It and the Engine that has it, for people. */
  readonly description: string;
}

/** Throws UNAVAILABLE saying what to do. */
export async function checkImage(
  engine: DockerEngine,
  name: string,
  program: Program['name'],
  ms: number,
): Promise<CheckedImage> {
  const [version, { Id }] = await Promise.all([
    engine.call('tell its version', async (docker) => engineVersion.parse(await docker.version()).Version, { ms }),
    findImage(engine, name, program, { ms }),
  ]);
  return { id: Id, description: `image ${name}, ${Id.slice(0, shownId)}, Docker Engine ${version}` };
}

/** What to create a container from: the name, or for a pinned image the one that was checked. Throws UNAVAILABLE. */
export async function imageReference(engine: DockerEngine, name: string, program: Program['name']): Promise<string> {
  return digestOf.test(name) ? (await findImage(engine, name, program)).Id : name;
}

export function missingImage(name: string, program: Program['name'], cause?: unknown): SciStreamError {
  return new SciStreamError(
    'UNAVAILABLE',
    `The Docker Engine does not have the image ${name}: load it with docker pull ${name}, or name another with --${program}-image.`,
    { cause },
  );
}

async function inspect(engine: DockerEngine, name: string, options?: CallOptions): Promise<ImageInfo | undefined> {
  try {
    return await engine.call(
      `look at image ${name}`,
      async (docker) => imageInfo.parse(await docker.getImage(name).inspect()),
      options,
    );
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

function hasDigest({ Id, RepoDigests }: ImageInfo, digest: string): boolean {
  return Id === digest || (RepoDigests ?? []).some((known) => known.endsWith(`@${digest}`));
}
