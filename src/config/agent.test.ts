import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { agentArguments, agentEnvironment, describeSettings, settingDifferences } from './agent.js';
import { defaultImages, proxySettings } from './proxy.js';
import { relaySettings } from './relay.js';
import { loadS2csConfig } from './s2cs.js';
import { loadS2dsConfig } from './s2ds.js';

const names = [...Object.keys(relaySettings), ...Object.keys(proxySettings)];
const password = 'open sesame';
/** None of them as it is by itself. */
const all = {
  ...{ workers: '251', portable: true, bufferSize: '64KiB', socketBuffer: '4MB', idleTimeout: '90m' },
  ...{ templateDir: '/srv/templates', legacyStunnelPeer: true, dockerHost: 'tcp://127.0.0.1:2375' },
  ...{ haproxyImage: 'h:1', nginxImage: 'n:1', stunnelImage: 's:1' },
  ...{ janusUrl: 'https://janus.example:5000/', janusUser: 'u', janusPassword: password, janusCa: '/srv/ca.pem' },
  ...{ janusProfile: 'p', janusInstance: 'i', janusVolume: '/srv/a:/b' },
};
const texts = {
  ...{ workers: '251', portable: 'true', 'buffer-size': '65536', 'socket-buffer': '4000000', 'idle-timeout': '90m' },
  ...{ 'template-dir': '/srv/templates', 'legacy-stunnel-peer': 'true', 'docker-host': 'tcp://127.0.0.1:2375' },
  ...{ 'haproxy-image': 'h:1', 'nginx-image': 'n:1', 'stunnel-image': 's:1' },
  ...{ 'janus-url': 'https://janus.example:5000/', 'janus-user': 'u', 'janus-ca': '/srv/ca.pem' },
  ...{ 'janus-profile': 'p', 'janus-instance': 'i', 'janus-volume': '/srv/a:/b' },
};

describe('the settings of a data server', () => {
  it('are described each, set or not, and differ each from what they are by themselves', async () => {
    expect(Object.keys(all).sort()).toEqual(names.sort());
    const [usual, changed] = [await loadS2csConfig({ flags: {} }), await loadS2csConfig({ flags: all })];
    expect(Object.keys(describeSettings(usual))).toHaveLength(names.length);
    expect(settingDifferences(describeSettings(usual), describeSettings(changed))).toHaveLength(names.length);
    expect(settingDifferences(describeSettings(changed), describeSettings(usual))).toHaveLength(names.length);
    const digest = expect.stringMatching(/^secret sha256:[0-9a-f]{12}$/) as string;
    expect(describeSettings(changed)).toEqual({ ...texts, 'janus-password': digest });
  });

  it('are the same at a data server and at the control server that has the same', async () => {
    for (const flags of [{}, all]) {
      const [s2cs, s2ds] = [await loadS2csConfig({ flags }), await loadS2dsConfig({ flags })];
      expect(settingDifferences(describeSettings(s2ds), describeSettings(s2cs))).toEqual([]);
    }
  });

  it('are handed on by arguments, but for the password, and nothing else of the environment counts', async () => {
    const settings = await loadS2csConfig({ flags: all });
    const args = Object.entries(texts).map(([name, text]) => `--${name}=${text}`);
    expect(agentArguments(settings).sort()).toEqual(args.sort());
    const environment = agentEnvironment(settings);
    expect(Object.keys(environment)).toHaveLength(names.length);
    expect(Object.entries(environment).filter(([, value]) => value !== undefined)).toEqual([
      ['SCISTREAM_S2DS_JANUS_PASSWORD', password],
    ]);
  });

  it('are not handed on where nobody has decided, nor described as what they come to here and now', async () => {
    const off = { portable: false, legacyStunnelPeer: 'False', socketBuffer: '0', idleTimeout: '0' };
    for (const flags of [{}, off]) {
      const usual = await loadS2csConfig({ flags });
      expect(agentArguments(usual)).toEqual([]);
      expect(new Set(Object.values(describeSettings(usual)))).toEqual(new Set(['']));
    }
  });

  it('differ where one side has decided and the other has not, also for what it would be anyway', async () => {
    const unset = describeSettings(await loadS2csConfig({ flags: {} }));
    const flags = { workers: availableParallelism(), bufferSize: '1MiB', nginxImage: defaultImages.nginx };
    const set = describeSettings(await loadS2csConfig({ flags }));
    expect(settingDifferences(unset, set)).toHaveLength(3);
    expect(settingDifferences(set, unset)).toContain(`--nginx-image is ${defaultImages.nginx} there, not set here`);
  });

  it('show no secret, nor its digest, where they differ', async () => {
    const [one, other, unset] = await Promise.all(
      [password, 'another', undefined].map(async (janusPassword) =>
        describeSettings(await loadS2csConfig({ flags: { janusPassword } })),
      ),
    );
    expect(JSON.stringify(one)).not.toContain(password);
    expect(settingDifferences(one ?? {}, other ?? {})).toEqual(['janus-password is another one there']);
    expect(settingDifferences(one ?? {}, unset ?? {})).toEqual(['janus-password is set there only']);
    expect(settingDifferences(unset ?? {}, one ?? {})).toEqual(['janus-password is set here only']);
  });

  it('are named with both values where they differ, and passed over where only one side knows them', () => {
    const there = { 'idle-timeout': '1h', 'template-dir': '', workers: '2', 'of-old': '1' };
    const here = { 'idle-timeout': '30m', 'template-dir': '/x', workers: '2', 'of-new': '1' };
    expect(settingDifferences(there, here)).toEqual([
      '--idle-timeout is 1h there, 30m here',
      '--template-dir is not set there, /x here',
    ]);
  });
});
