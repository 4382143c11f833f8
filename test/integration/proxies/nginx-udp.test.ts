import { describe, expect, it } from 'vitest';
import { plainFacilities } from '../../support/facility.js';
import { proxyPackages } from '../../support/processes.js';
import { requirePrograms } from '../../support/requires.js';
import { UdpPeer } from '../../support/udp.js';
import { forwardsDatagrams } from '../../support/udp-behavior.js';
import { first } from '../../support/v1.js';
import { until } from '../../../src/core/until.js';
import { between, stream, succeeds, succeedsWithJson, trusting } from '../../cli/commands.js';

describe.runIf(requirePrograms(...proxyPackages))('nginx that forwards datagrams', () => {
  forwardsDatagrams({ type: 'nginx-process' });

  it('makes both ends of a stream', async () => {
    const facilities = await plainFacilities(['-t', 'nginx-process']);
    const [producer, consumer] = facilities;
    const application = await UdpPeer.echo('re: ');
    const wanted = ['--targets', application.address, '--udp'];
    const opened = await succeedsWithJson(stream, 's2uc', ['stream', ...between(producer, consumer), ...wanted]);
    const client = await UdpPeer.open();
    client.send(first(opened.connect), 'across');
    await until('the answer', 5_000, () => client.received.length === 1);
    expect(client.texts).toEqual(['re: across']);
    const servers = facilities.map(({ address }) => address).join();
    await succeeds('s2uc', ['release', opened.uid, '--s2cs', servers, ...trusting(...facilities)]);
    for (const facility of facilities) await facility.holdsNothing();
  });
});
