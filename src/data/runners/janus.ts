import { X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { messageOf, SciStreamError } from '../../core/errors.js';
import { isLoopback } from '../../core/endpoint.js';
import type { Secret } from '../../core/secret.js';
import type { Logger } from '../../observe/logger.js';
import { JanusApi } from './janus/api.js';
import { preflight } from './janus/preflight.js';
import { readRecord, recordName } from './janus/record.js';
import { JanusSessions } from './janus/sessions.js';
import { Volume } from './janus/volume.js';
import { removeFiles } from './places.js';
import type { ProgramRunner } from './runner.js';

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
    /** Where this machine sees the volume. Gateways may share it. */
    readonly folder: string;
    /** Where containers see it. */
    readonly seenAs: string;
  };
  /** Marks what is ours: unique among the gateways that share the volume, and the same after a restart. */
  readonly gateway: string;
  readonly logger: Logger;
  /** Milliseconds between two looks at a container that runs. */
  readonly pollMs?: number;
}

/** Runs programs in containers that an ESnet Janus controller makes. Throws BAD_FORMAT when the options cannot be meant. */
export function janusRunner(options: JanusOptions): ProgramRunner {
  const { profile, images, gateway, logger, pollMs = 5_000 } = options;
  const node = check(options);
  const volume = new Volume(options.volume);
  const api = new JanusApi(options);
  const sessions = new JanusSessions({ api, node, profile, images, gateway, logger, pollMs });

  return {
    check: (program) => preflight(api, program, { image: images[program.name], profile, node, folder: volume.folder }),
    async place(id) {
      await volume.make(id);
      return { folder: volume.folderOf(id), seenAs: volume.seenAs(id) };
    },
    // Janus has no way to run a program once and tell how it went: a bad configuration shows when it starts.
    verify: () => Promise.resolve(),
    start: (job, signal) => sessions.start(job, signal),
    adopt: (job) => sessions.adopt(job),
    async left() {
      const ids = await volume.ids();
      const records = await Promise.all(ids.map((id) => readRecord(volume.folderOf(id))));
      return ids.filter((_, index) => records[index]?.gateway === gateway);
    },
    async end(id) {
      const folder = volume.folderOf(id);
      // A volume that is not mounted would look as if nothing were left.
      if (!(await volume.ids()).includes(id)) return;
      try {
        await sessions.forget(folder);
      } catch (error) {
        // The secrets go now; what is left says that there is something to end.
        await removeFiles(folder, recordName);
        throw error;
      }
      await rm(folder, { recursive: true, force: true });
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
