import { InvalidArgumentError } from '@commander-js/extra-typings';
import { scenarios } from './scenarios/catalog.js';
import type { RunOptions } from './run.js';
import type { Scenario } from './scenarios/scenario.js';

const full = { rounds: 5, seconds: 4 };
/** The first round warms everything up; of three, the median is none of the ends. */
const quick = { rounds: 3, seconds: 1 };

interface Flags {
  quick?: true;
  rounds?: number;
  seconds?: number;
  only?: Scenario[];
  dockerHost?: string;
  haproxyImage?: string;
  nginxImage?: string;
  stunnelImage?: string;
}

export function runOptions(flags: Flags): RunOptions {
  const isQuick = flags.quick ?? false;
  const usual = isQuick ? quick : full;
  return {
    quick: isQuick,
    containers: containerArguments(flags),
    rounds: flags.rounds ?? usual.rounds,
    seconds: flags.seconds ?? usual.seconds,
    scenarios: flags.only ?? scenarios.filter((scenario) => !isQuick || scenario.quick),
  };
}

/** What is not given is left to the data server. */
function containerArguments({ dockerHost, haproxyImage, nginxImage, stunnelImage }: Flags): string[] {
  const options = {
    'docker-host': dockerHost,
    'haproxy-image': haproxyImage,
    'nginx-image': nginxImage,
    'stunnel-image': stunnelImage,
  };
  return Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
}

/** Names of scenarios, or what several of them begin with, such as `plain`. */
export function parseScenarios(text: string): Scenario[] {
  const wanted = text.split(',').map((name) => name.trim());
  const found = wanted.flatMap((name) => {
    const matches = scenarios.filter((scenario) => scenario.name === name || scenario.name.startsWith(`${name}-`));
    if (matches.length > 0) return matches;
    throw new InvalidArgumentError(`There is no scenario ${JSON.stringify(name)}; there are ${scenarioNames()}.`);
  });
  return scenarios.filter((scenario) => found.includes(scenario));
}

export function scenarioNames(): string {
  return scenarios.map(({ name }) => name).join(', ');
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d{1,4}$/.test(text) && count >= 1) return count;
  throw new InvalidArgumentError('It must be a whole number from 1 to 9999.');
}
