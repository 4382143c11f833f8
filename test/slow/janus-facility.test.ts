import { readFile } from 'node:fs/promises';
import { describe, expect, inject, it } from 'vitest';
import { janus, janusTypes } from '../support/data-server-types.js';
import { Facility } from '../support/facility.js';
import type { JanusDouble, JanusDoubleOptions } from '../support/janus/controller.js';
import { accepts, echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { at, session, succeeds, succeedsWithJson } from '../cli/commands.js';

interface Run {
  readonly what: string;
  readonly double?: () => Partial<JanusDoubleOptions> | Promise<Partial<JanusDoubleOptions>>;
  readonly args?: () => readonly string[];
  /** What must be different of the container, as Janus has it. */
  readonly container?: { readonly name?: string; readonly image?: string };
  /** Of what was asked. */
  readonly request?: { readonly profile?: string; readonly image?: string };
  /** Why the type is not there without the arguments. */
  readonly without?: RegExp;
}

const usual = {
  container: { name: 'janus-scistream-7-1', image: 'haproxy:3.2' },
  request: { profile: 'scistream', image: 'haproxy:3.2', instances: ['gateway'] },
};

const runs: readonly Run[] = [
  { what: 'of early 2023', double: () => ({ generation: 'early 2023' }), container: { name: 'janus_7' } },
  {
    what: 'by https, with --janus-ca',
    double: async () => {
      const { cert, key } = inject('certificate');
      return { tls: { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') } };
    },
    args: () => ['--janus-ca', inject('certificate').cert],
    without: /is not trusted .*--janus-ca/,
  },
  {
    what: 'with another --janus-profile',
    double: () => ({ profiles: { beamline: { ctrl_ports: [31000] } } }),
    args: () => ['--janus-profile', 'beamline'],
    container: { name: 'janus-beamline-7-1' },
    request: { profile: 'beamline' },
    without: /no host profile "scistream"/,
  },
  {
    what: 'with another --haproxy-image',
    double: () => ({ images: ['approved/haproxy'] }),
    args: () => ['--haproxy-image', 'approved/haproxy:2.6'],
    container: { image: 'approved/haproxy:2.6' },
    request: { image: 'approved/haproxy:2.6' },
    without: /no image "haproxy"/,
  },
];

/** What Janus has for the one session. */
function held({ containers, sessions }: JanusDouble) {
  const [row] = sessions.rows.values();
  const [container] = containers.all.values();
  return { request: row?.request, container: { name: container?.name, image: container?.image } };
}

describe.runIf(janusTypes.length > 0).each(runs)('a facility that uses Janus $what', (run) => {
  it('serves a session from request to release', async () => {
    const { setting, double } = await janus(await run.double?.());
    const { args, env } = setting.options;
    const facility = await Facility.start(['-t', 'Janus', ...args, ...(run.args?.() ?? [])], undefined, env);
    const [host = '', port = ''] = (await echo()).address.split(':');
    const target = ['--remote-ip', host, '--receiver-ports', port];
    const inbound = ['inbound-request', ...at(facility), '--uid', 'beam', ...target];
    const { listeners } = await succeedsWithJson(session, 's2uc', inbound);
    expect(await exchange(first(listeners), 'through Janus')).toBe('through Janus');
    expect(held(double)).toMatchObject({
      request: [{ ...usual.request, ...run.request }],
      container: { ...usual.container, ...run.container },
    });
    expect(double.asked.filter((line) => /^(POST|PUT) \/(create|start)/.test(line))).toEqual([
      'POST /create',
      'PUT /start/7',
    ]);

    const { address: moved } = await echo();
    await succeeds('s2uc', ['update', 'beam', ...at(facility), '--targets', moved]);
    expect(await exchange(first(listeners), 'and elsewhere')).toBe('and elsewhere');
    await succeeds('s2uc', ['release', 'beam', ...at(facility)]);
    expect(await accepts(first(listeners))).toBe(false);
    expect(double.asked).toContain('DELETE /active/7');
    expect([...(await setting.programs(facility.stateDir)), ...(await setting.folders(facility.stateDir))]).toEqual([]);
  });
});

const wanting = runs.flatMap(({ without, ...run }) => (without ? [{ ...run, without }] : []));

describe.runIf(janusTypes.length > 0).each(wanting)('a facility that was not told to use Janus $what', (run) => {
  it('does not offer it, and says why', async () => {
    const { setting } = await janus(await run.double?.());
    const { args, env } = setting.options;
    const facility = await Facility.start(args, undefined, env);
    const { types } = await facility.client().getFacility();
    expect(types.find(({ name }) => name === 'haproxy-janus')?.reason).toMatch(run.without);
  });
});
