import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ProxySettings } from '../config/proxy.js';
import { messageOf, SciStreamError } from '../core/errors.js';
import type { RunnerOptions } from '../data/runners/registry.js';

/** Settings of the runners of the data server whose socket lies at `socket`. Throws BAD_FORMAT. */
export async function runnerOptions(settings: ProxySettings, socket: string): Promise<Omit<RunnerOptions, 'logger'>> {
  const { dockerHost, haproxyImage, nginxImage, stunnelImage } = settings;
  const images = { haproxy: haproxyImage, nginx: nginxImage, stunnel: stunnelImage };
  // Beside the socket, which no other data server has.
  const folder = path.join(path.dirname(socket), `${path.basename(socket, '.sock')}.d`);
  const janus = await janusOptions(settings, images);
  return { folder, docker: { host: dockerHost, images, gateway: folder }, ...(janus ? { janus } : {}) };
}

async function janusOptions(settings: ProxySettings, images: NonNullable<RunnerOptions['janus']>['images']) {
  const { janusUrl: url, janusUser: user, janusPassword: password, janusCa, janusProfile: profile } = settings;
  const { janusInstance, janusVolume: volume } = settings;
  if (!url) return undefined;
  if (user === undefined || !password || janusInstance === undefined || !volume) {
    throw new SciStreamError(
      'BAD_FORMAT',
      '--janus-url needs --janus-user, --janus-instance, --janus-volume and the password in the environment.',
    );
  }
  const ca = janusCa === undefined ? undefined : await certificate(janusCa);
  return { url, user, password, ca, profile, images, instances: [janusInstance], volume };
}

async function certificate(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new SciStreamError('BAD_FORMAT', `Cannot read --janus-ca ${file}: ${messageOf(error)}`, { cause: error });
  }
}
