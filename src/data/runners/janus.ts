import { X509Certificate } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, messageOf, SciStreamError } from '../../core/errors.js';
import { isLoopback } from '../../core/endpoint.js';
import type { Secret } from '../../core/secret.js';
import type { Logger } from '../../observe/logger.js';
import { JanusApi } from './janus/api.js';
import { preflight } from './janus/preflight.js';
import { isRecord, readRecord } from './janus/record.js';
import { JanusSessions } from './janus/sessions.js';
import type { Place, ProgramRunner } from './runner.js';

export interface JanusOptions {
  /** Of the controller. A path of its own replaces `/api/janus/controller`. */
  readonly url: URL;
  readonly user: string;
  readonly password: Secret;
  /** PEM of the authority that signed Janus' certificate; the system's roots otherwise. TLS is always verified. */
  readonly ca: string | undefined;
  /** A host profile that mounts the volume, and whose network is the host's: the program listens on this gateway's addresses. */
  readonly profile: string;
  /** The entrypoint of each is the program itself: it gets the program's arguments, as user who can read the volume. */
  readonly images: Readonly<Record<'haproxy' | 'nginx' | 'stunnel', string>>;
  /** Exactly one: the reserved ports belong to one gateway node, so the container must run there. */
  readonly instances: readonly string[];
  readonly volume: {
    /** Where this machine sees the volume. It belongs to one agent alone. */
    readonly folder: string;
    /** Where containers see it. */
    readonly seenAs: string;
  };
  readonly logger: Logger;
  /** Milliseconds between two looks at a container that runs. */
  readonly pollMs?: number;
}

/** Runs programs in containers that an ESnet Janus controller makes. Throws BAD_FORMAT when the options cannot be meant. */
export function janusRunner(options: JanusOptions): ProgramRunner {
  const { profile, images, volume, logger, pollMs = 5_000 } = options;
  const node = check(options);
  const api = new JanusApi(options);
  const sessions = new JanusSessions({ api, node, profile, images, logger, pollMs });

  const remove = async (folder: string): Promise<void> => {
    try {
      await sessions.forget(folder);
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      // The secrets go now. The session's id stays, for the next agent to try again.
      await removeAllButRecord(folder);
      logger.warn({ folder, reason: messageOf(error) }, 'a session stays in Janus for now');
    }
  };

  return {
    outlivesAgent: true,
    check: (program) => preflight(api, program, { image: images[program.name], profile, node, folder: volume.folder }),
    async place(id) {
      const folder = path.join(volume.folder, id);
      await makePrivate(folder);
      return { folder, seenAs: path.posix.join(volume.seenAs, id) };
    },
    // Janus has no way to run a program once and tell how it went: a bad configuration shows when it starts.
    verify: () => Promise.resolve(),
    start: (job) => sessions.start(job),
    adopt: (job) => sessions.adopt(job),
    remove: ({ folder }: Place) => remove(folder),
    async clear(ids) {
      for (const id of await foldersIn(volume.folder, logger)) {
        const folder = path.join(volume.folder, id);
        if (!ids.has(id) && (await readRecord(folder)) !== undefined) await remove(folder);
      }
    },
  };
}

/** The node to use. */
function check({ url, user, ca, instances, logger }: JanusOptions): string {
  const [node, ...others] = instances;
  if (node === undefined || others.length > 0) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `Janus needs exactly one instance, the node on which the ports are, not ${instances.length}.`,
    );
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new SciStreamError('BAD_FORMAT', `The address of Janus begins with https:, not ${url.protocol}`);
  }
  if (ca !== undefined) checkCertificate(ca);
  if (user.includes(':')) {
    throw new SciStreamError('BAD_FORMAT', `The name of a Janus user cannot contain a colon: ${JSON.stringify(user)}`);
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname.replace(/^\[(.*)\]$/, '$1'))) {
    logger.warn({ host: url.host }, 'the password of Janus crosses the network in the clear: use https');
  }
  return node;
}

function checkCertificate(pem: string): void {
  try {
    new X509Certificate(pem);
  } catch (error) {
    const text = `--janus-ca needs a certificate in PEM: ${messageOf(error)}`;
    throw new SciStreamError('BAD_FORMAT', text, { cause: error });
  }
}

/** Not with its parents: where the volume is not mounted, nothing must be written that no container would see. */
async function makePrivate(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
    if (!(await lstat(folder)).isDirectory()) throw new Error('it is not a folder');
    await chmod(folder, 0o700);
  } catch (error) {
    throw new SciStreamError(
      'SERVER_ERR',
      `The folder ${folder} on the volume of Janus cannot be used: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

async function foldersIn(folder: string, logger: Logger): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    logger.warn({ folder, reason: messageOf(error) }, 'the volume of Janus cannot be read');
    return [];
  }
}

async function removeAllButRecord(folder: string): Promise<void> {
  const names = await readdir(folder);
  await Promise.all(
    names
      .filter((name) => !isRecord(name))
      .map((name) => rm(path.join(folder, name), { recursive: true, force: true })),
  );
}
