import { createHash } from 'node:crypto';
import { Secret } from '../core/secret.js';
import { kebabCase, variableName } from './load.js';
import { proxyTexts, type ProxySettings } from './proxy.js';
import { relayTexts, type RelaySettings } from './relay.js';

/** What `s2cs` hands on to the data server that it starts. */
export type AgentSettings = RelaySettings & ProxySettings;

/** Starts no text that a setting can have. */
const digestLabel = 'secret sha256:';
/** Enough to tell one from another, too little to be one. */
const digestDigits = 12;

/**
 * What somebody has decided, by the names of the options, to be compared: empty where nobody has, whatever that comes to on this
 * machine and in this version; a digest where secret.
 */
export function describeSettings(settings: AgentSettings): Record<string, string> {
  return Object.fromEntries(
    Object.entries(textsOf(settings)).map(([key, text]) => {
      const name = kebabCase(key);
      return [name, text instanceof Secret ? digest(name, text) : (text ?? '')];
    }),
  );
}

/** The options of `s2ds` that say the same and no more, but for secrets, which others could read there. */
export function agentArguments(settings: AgentSettings): string[] {
  return Object.entries(textsOf(settings)).flatMap(([key, text]) =>
    typeof text === 'string' ? [`--${kebabCase(key)}=${text}`] : [],
  );
}

/** Where `s2ds` finds the secrets. What is not set is not set there either, whatever the environment of `s2cs` says of it. */
export function agentEnvironment(settings: AgentSettings): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(textsOf(settings)).map(([key, text]) => {
      const value = text instanceof Secret ? Buffer.from(text.expose()).toString() : undefined;
      return [variableName('SCISTREAM_S2DS_', key), value];
    }),
  );
}

/** A clause for each setting that both name and that differs, such as `--idle-timeout is 1h there, 30m here`. */
export function settingDifferences(
  there: Readonly<Record<string, string>>,
  here: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(here).flatMap(([name, text]) => {
    const other = there[name];
    return other === undefined || other === text ? [] : [difference(name, other, text)];
  });
}

function textsOf(settings: AgentSettings) {
  return { ...relayTexts(settings), ...proxyTexts(settings) };
}

function digest(name: string, secret: Secret): string {
  const hash = createHash('sha256').update(`scistream ${name} `).update(secret.expose());
  return digestLabel + hash.digest('hex').slice(0, digestDigits);
}

function difference(name: string, there: string, here: string): string {
  if ([there, here].some((text) => text.startsWith(digestLabel))) {
    return `${name} is ${there === '' ? 'set here only' : here === '' ? 'set there only' : 'another one there'}`;
  }
  return `--${name} is ${there || 'not set'} there, ${here || 'not set'} here`;
}
