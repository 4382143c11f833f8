import { Cached } from '../core/cached.js';
import { systemClock, type Clock } from '../core/clock.js';
import { show } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import { findNamed, knownNames, type Named } from '../core/named.js';
import { securityOf, type Security } from '../core/protection.js';
import type { EngineKind } from './engines/engine.js';
import { externalProxy } from './engines/proxy/external-proxy.js';
import { embeddedEngines, proxiesFor, type Proxies } from './engines/registry.js';
import type { Runners } from './runners/registry.js';
import type { Availability, ProgramRunner } from './runners/runner.js';

/** A data server type: which engine forwards, run by which runner, and the names users know it by. */
type TypeRow = Named &
  (
    | { readonly engine: keyof typeof embeddedEngines; readonly runner: 'embedded' }
    | { readonly engine: keyof Proxies; readonly runner: Exclude<keyof Runners, 'embedded'> }
  );

/** The aliases are the names of the Python implementation. */
const rows: readonly TypeRow[] = [
  { name: 'relay', engine: 'relay', runner: 'embedded', aliases: ['S2DS'] },
  { name: 'haproxy-process', engine: 'haproxy', runner: 'process', aliases: ['HaproxySubprocess'] },
  { name: 'nginx-process', engine: 'nginx', runner: 'process', aliases: ['NginxSubprocess'] },
  { name: 'stunnel-process', engine: 'stunnel', runner: 'process', aliases: ['StunnelSubprocess'] },
  { name: 'haproxy-docker', engine: 'haproxy', runner: 'docker', aliases: ['Haproxy', 'DockerSock'] },
  { name: 'nginx-docker', engine: 'nginx', runner: 'docker', aliases: ['Nginx'] },
  { name: 'stunnel-docker', engine: 'stunnel', runner: 'docker', aliases: ['Stunnel'] },
  { name: 'haproxy-janus', engine: 'haproxy', runner: 'janus', aliases: ['Janus'] },
  { name: 'nginx-janus', engine: 'nginx', runner: 'janus', aliases: [] },
  { name: 'stunnel-janus', engine: 'stunnel', runner: 'janus', aliases: [] },
  { name: 'mock', engine: 'mock', runner: 'embedded', aliases: [] },
];

/** Milliseconds for which the answer of a check holds: every caller of GetFacility could have ten programs started else. */
const availableMs = 10_000;
/** What was missing may just have been installed. */
const unavailableMs = 3_000;

export interface DataServerType extends Named {
  readonly engine: string;
  readonly runner: keyof Runners;
  readonly engineKind: EngineKind;
  /** Runs its programs, which the next agent can take over when this one dies; absent for what works in the agent itself. */
  readonly programs?: ProgramRunner;
  /** Whether it can run here, as found out in the last seconds; never throws. */
  readonly check: () => Promise<Availability>;
}

/** What the operator decides about what types offer. */
export interface TypeSettings {
  /** stunnel pairs with gateways of the Python implementation: peers are authenticated, data is not encrypted. */
  readonly legacyStunnelPeer: boolean;
}

/** What users may ask of it; the first one is the default. */
export function securitiesOf({ engineKind }: DataServerType): Security[] {
  return engineKind.capabilities.protection.map(securityOf);
}

/** Whether it can limit the rate here. Where the version of its program is not known, the program itself tells when it is started. */
export async function limitsRate({ engineKind, check }: DataServerType): Promise<boolean> {
  const { rate } = engineKind.capabilities;
  if (typeof rate === 'boolean') return rate;
  const availability = await check();
  const version = availability.available ? /^\d+(?:\.\d+)+/.exec(availability.version ?? '')?.[0] : undefined;
  return version === undefined || !isOlder(version, rate.from);
}

/** What a gateway node can forward with. */
export class DataServerTypes {
  readonly all: readonly DataServerType[];

  constructor(runners: Runners, { legacyStunnelPeer }: TypeSettings, clock: Clock = systemClock) {
    const proxies = proxiesFor(legacyStunnelPeer);
    this.all = rows.map((row) => typeOf(row, runners, proxies, clock));
  }

  /** The type of that name or alias, in any case. Throws BAD_FORMAT listing the known ones. */
  find(name: string): DataServerType {
    const found = findNamed(this.all, name);
    if (found) return found;
    const known = knownNames(this.all);
    throw new SciStreamError('BAD_FORMAT', `${show(name)} is not a data server type; known are ${known}.`);
  }
}

function isOlder(version: string, other: string): boolean {
  return version.localeCompare(other, 'en', { numeric: true }) < 0;
}

function typeOf(row: TypeRow, runners: Runners, proxies: Proxies, clock: Clock): DataServerType {
  const { name, aliases, engine } = row;
  if (row.runner === 'embedded') {
    const runner = runners.embedded;
    const engineKind = embeddedEngines[row.engine];
    return { name, aliases, engine, runner: row.runner, engineKind, check: () => runner.check() };
  }
  const runner = runners[row.runner];
  const kind = proxies[row.engine];
  const availability = new Cached(
    () => runner.check(kind.program),
    ({ available }) => (available ? availableMs : unavailableMs),
    clock,
  );
  return {
    ...{ name, aliases, engine, runner: row.runner, programs: runner },
    engineKind: externalProxy(kind, runner),
    check: () => availability.get(),
  };
}
