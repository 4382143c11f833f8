import type { Command, OptionValues } from '@commander-js/extra-typings';
import type { SessionInfo } from '../../client/session-info.js';
import { parseDuration, parseRate } from '../../core/quantity.js';
import { listenersLine, print, printJson, sessionJson, warnUnlessEncrypted } from '../output.js';
import { argument, label, parseCount } from '../parse.js';
import { waiting } from '../server-options.js';

/** The options that inbound-request, outbound-request and prod-req share. */
export function requesting<Args extends unknown[], Opts extends OptionValues>(command: Command<Args, Opts>) {
  return waiting(command)
    .option('--s2cs <host:port>', 'control server', 'localhost:5000')
    .option('--num-conn <n>', 'number of listeners (default: one per address)', argument(parseCount))
    .option('--rate <rate>', 'limit, such as 20MB/s, 2.5Gbps or a number of kB/s (default: none)', argument(parseRate))
    .option('--label <key=value>', 'note on the session, such as a job id; repeatable', label)
    .option('--lifetime <time>', 'end by itself after this time, such as 12h (default: never)', argument(parseDuration))
    .option('--json', 'print the session as JSON');
}

/** A rate the user asked for, in bytes per second, as the request's two fields. */
export function rateFields(rate: number | undefined): { maxRate?: number; rate?: number } {
  return rate === undefined ? {} : { maxRate: rate, rate: Math.min(Math.ceil(rate / 1000), 2 ** 31 - 1) };
}

/** Prints a requested session; true when that was all because scripts read it. */
export function showRequested(session: SessionInfo, identity: string, json: boolean | undefined): boolean {
  warnUnlessEncrypted(session);
  if (json) {
    printJson(sessionJson(session));
    return true;
  }
  print(`Session ${session.uid} is ${session.state}; it forwards to ${session.targets.join(', ')}.`);
  print(identity);
  print(listenersLine(session.listeners));
  return false;
}
