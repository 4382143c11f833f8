import { describe } from 'vitest';
import { canRunDocker, dockerEngine, engineArguments, hasNextImages, nextImages } from '../support/docker.js';
import { proxyPackages } from '../support/processes.js';
import { requirePrograms } from '../support/requires.js';
import { countsDatagrams, forwardsDatagrams } from '../support/udp-behavior.js';

describe.runIf(requirePrograms(...proxyPackages))('nginx that forwards datagrams', () => {
  countsDatagrams({ type: 'nginx-process' });
});

describe.runIf(canRunDocker())('nginx in a container that forwards datagrams', () => {
  const args = async () => engineArguments(await dockerEngine());
  forwardsDatagrams({ type: 'nginx-docker', args });
  countsDatagrams({ type: 'nginx-docker', args });
});

describe.runIf(hasNextImages())('nginx of the next Debian release that forwards datagrams', () => {
  const args = async () => engineArguments({ ...(await dockerEngine()), images: nextImages });
  forwardsDatagrams({ type: 'nginx-docker', args });
  countsDatagrams({ type: 'nginx-docker', args });
});
