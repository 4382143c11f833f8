import path from 'node:path';
import { z } from 'zod';
import { SciStreamError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import { filePath, flag, parsed, variableName } from './load.js';

/** Used when none is named. There is no official one of stunnel: sites make their own. */
export const defaultImages = { haproxy: 'haproxy:3.2', nginx: 'nginx:1.28', stunnel: 'stunnel:5' } as const;
export const defaultJanusProfile = 'scistream';

/**
 * Settings of the approved proxies and of what runs them, which `s2cs` hands on to the data server that it starts. What is not
 * set is up to that one.
 */
export const proxySettings = {
  templateDir: filePath.optional(),
  legacyStunnelPeer: flag.default(false),
  dockerHost: z.string().min(1).optional(),
  haproxyImage: z.string().min(1).optional(),
  nginxImage: z.string().min(1).optional(),
  stunnelImage: z.string().min(1).optional(),
  janusUrl: parsed(parseUrl).optional(),
  janusUser: z.string().min(1).optional(),
  /** Not an option of the command line, where everybody could read it. */
  janusPassword: z
    .string()
    .transform((text) => new Secret(Buffer.from(text)))
    .optional(),
  janusCa: filePath.optional(),
  janusProfile: z.string().min(1).optional(),
  janusInstance: z.string().min(1).optional(),
  janusVolume: parsed(parseVolume).optional(),
};

export type ProxySettings = Readonly<z.output<z.ZodObject<typeof proxySettings>>>;

/** A folder of this machine and where containers see it. */
export interface Volume {
  readonly folder: string;
  readonly seenAs: string;
}

/** Each as its option takes it; undefined: not set, or a flag that is off, which means the same. */
export function proxyTexts(
  settings: ProxySettings,
): Readonly<Record<keyof ProxySettings, string | Secret | undefined>> {
  const { templateDir, legacyStunnelPeer, dockerHost, haproxyImage, nginxImage, stunnelImage } = settings;
  const { janusUrl, janusUser, janusPassword, janusCa, janusProfile, janusInstance, janusVolume } = settings;
  return {
    ...{ templateDir, dockerHost, haproxyImage, nginxImage, stunnelImage },
    ...{ janusUser, janusPassword, janusCa, janusProfile, janusInstance },
    legacyStunnelPeer: legacyStunnelPeer ? 'true' : undefined,
    janusUrl: janusUrl?.href,
    janusVolume: janusVolume && `${janusVolume.folder}:${janusVolume.seenAs}`,
  };
}

/** The variable in which a program finds the password. */
export function janusPasswordVariable(program: string): string {
  return variableName(`SCISTREAM_${program.toUpperCase()}_`, 'janusPassword');
}

function parseUrl(text: string): URL {
  // Not shown: it may hold a password.
  if (text.includes('@')) {
    throw new SciStreamError('BAD_FORMAT', 'A user and a password do not belong in the URL; give --janus-user.');
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new SciStreamError('BAD_FORMAT', `${JSON.stringify(text)} is not a URL such as https://janus.example:5000.`);
  }
  return url;
}

function parseVolume(text: string): Volume {
  const [folder = '', seenAs = folder, ...rest] = text.split(':');
  if (!path.isAbsolute(folder) || !path.posix.isAbsolute(seenAs) || rest.length > 0) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `${JSON.stringify(text)} is not FOLDER:PATH, such as /srv/scistream:/scistream; the path in containers may be left out.`,
    );
  }
  return { folder: path.resolve(folder), seenAs };
}
