import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { defaultImages, defaultJanusProfile, janusPasswordVariable, type ProxySettings } from '../config/proxy.js';
import { messageOf, SciStreamError } from '../core/errors.js';
import type { RunnerOptions } from '../data/runners/registry.js';
import { machineMark } from '../platform/machine.js';

/**
 * Settings of the runners of the data server whose socket lies at `socket`, as `program` was given them. Throws BAD_FORMAT also
 * for a folder of templates that is not there: ours would be used instead, and nobody would notice.
 */
export async function runnerOptions(
  program: 's2cs' | 's2ds',
  settings: ProxySettings,
  socket: string,
): Promise<Omit<RunnerOptions, 'logger'>> {
  const { dockerHost, templateDir } = settings;
  if (templateDir !== undefined) await readable('--template-dir', templateDir, readdir(templateDir));
  const images = {
    haproxy: settings.haproxyImage ?? defaultImages.haproxy,
    nginx: settings.nginxImage ?? defaultImages.nginx,
    stunnel: settings.stunnelImage ?? defaultImages.stunnel,
  };
  // Beside the socket, which no other data server has.
  const folder = path.join(path.dirname(socket), `${path.basename(socket, '.sock')}.d`);
  const janus = await janusOptions(program, settings, images, folder);
  return {
    folder,
    docker: { host: dockerHost, images, gateway: await dockerGateway(folder) },
    ...(janus ? { janus } : {}),
  };
}

/**
 * The label by which a gateway knows its containers again. Machines often have the same paths, and one that was pointed at another's
 * Engine by mistake would end the streams there, as of agents before itself.
 */
export async function dockerGateway(folder: string): Promise<string> {
  const machine = await machineMark();
  return machine === '' ? folder : `${machine}:${folder}`;
}

async function janusOptions(
  program: 's2cs' | 's2ds',
  settings: ProxySettings,
  images: NonNullable<RunnerOptions['janus']>['images'],
  folder: string,
) {
  const { janusUrl: url, janusUser: user, janusPassword: password, janusCa } = settings;
  const { janusProfile: profile = defaultJanusProfile, janusInstance, janusVolume: volume } = settings;
  if (!url) return undefined;
  if (user === undefined || !password?.expose().length || janusInstance === undefined || !volume) {
    throw new SciStreamError(
      'BAD_FORMAT',
      '--janus-url needs --janus-user, --janus-instance, --janus-volume and, in the environment, ' +
        `${janusPasswordVariable(program)}.`,
    );
  }
  const ca = janusCa === undefined ? undefined : await readable('--janus-ca', janusCa, readFile(janusCa, 'utf8'));
  const gateway = `${janusInstance}:${folder}`;
  return { url, user, password, ca, profile, images, instances: [janusInstance], volume, gateway };
}

async function readable<T>(option: string, file: string, content: Promise<T>): Promise<T> {
  try {
    return await content;
  } catch (error) {
    throw new SciStreamError('BAD_FORMAT', `Cannot read ${option} ${file}: ${messageOf(error)}`, { cause: error });
  }
}
