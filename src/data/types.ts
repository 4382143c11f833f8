import { show } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import type { EngineKind } from './engines/engine.js';
import { engines } from './engines/registry.js';
import { runners } from './runners/registry.js';
import type { Runner } from './runners/runner.js';

/** A data server type: which engine forwards, run by which runner, and the names users know it by. */
interface TypeRow {
  readonly engine: keyof typeof engines;
  readonly runner: keyof typeof runners;
  readonly aliases: readonly string[];
}

const rows = {
  relay: { engine: 'relay', runner: 'embedded', aliases: ['S2DS'] },
  mock: { engine: 'mock', runner: 'embedded', aliases: [] },
} satisfies Record<string, TypeRow>;

export interface DataServerType extends TypeRow {
  readonly name: string;
  readonly engineKind: EngineKind;
  readonly runnerImpl: Runner;
}

export const dataServerTypes: readonly DataServerType[] = Object.entries<TypeRow>(rows).map(([name, row]) => ({
  name,
  ...row,
  engineKind: engines[row.engine],
  runnerImpl: runners[row.runner],
}));

/** The type of that name or alias, in any case. Throws BAD_FORMAT listing the known ones. */
export function findType(name: string): DataServerType {
  const wanted = name.toLowerCase();
  const found = dataServerTypes.find((type) =>
    [type.name, ...type.aliases].some((known) => known.toLowerCase() === wanted),
  );
  if (!found) {
    const known = dataServerTypes.flatMap((type) => [type.name, ...type.aliases]).join(', ');
    throw new SciStreamError('BAD_FORMAT', `${show(name)} is not a data server type; known are ${known}.`);
  }
  return found;
}
