import { Command } from '@commander-js/extra-typings';
import { ControlClient } from '../../client/control-client.js';
import type { SessionInfo, Traffic } from '../../client/session-info.js';
import type { WatchEvent } from '../../client/watch.js';
import { parseUid } from '../../core/identity.js';
import { stopSignal } from '../main.js';
import { bytes, print, printJson, sessionJson } from '../output.js';
import { argument, label } from '../parse.js';
import { reaching, reachOne } from '../server-options.js';
import { Gauge } from './gauge.js';
import { limit } from './session-text.js';

/** What happens to sessions, as it happens. */
export const watch = reaching(new Command('watch'))
  .summary('print what happens to your sessions')
  .description(
    'Prints your live sessions, then every change of them and their traffic once a second, until Ctrl-C. With a uid, until ' +
      'the end of that session.',
  )
  .argument('[uid]', 'only this session', argument(parseUid))
  .option('--s2cs <host:port>', 'control server', 'localhost:5000')
  .option('--label <key=value>', 'only those with this label; repeatable', label)
  .option('--json', 'print one JSON object a line')
  .action(async (uid, { s2cs, label: labels, json, ...flags }) => {
    const server = await reachOne(flags, s2cs);
    using client = new ControlClient(server);
    const gauge = new Gauge();
    const signal = AbortSignal.any([stopSignal(), readerGone()]);
    try {
      for await (const event of client.watchSessions({ uid, labels }, signal)) {
        if (json) printJson(eventJson(event));
        else for (const line of lines(event, gauge)) print(line);
      }
    } catch (error) {
      if (signal.reason !== enough) throw error;
    }
  });

const enough = new Error('The reader has seen enough.');

/** Aborts when nobody reads any more, as with `| head`. */
function readerGone(): AbortSignal {
  const controller = new AbortController();
  process.stdout.once('error', () => {
    controller.abort(enough);
  });
  return controller.signal;
}

function eventJson(event: WatchEvent): object {
  if (event.kind === 'session') {
    const { transport, maxRate, traffic } = event.session;
    const rest = { transport, maxRate: Number(maxRate), traffic: trafficJson(traffic) };
    return { event: 'session', session: { ...sessionJson(event.session), ...rest } };
  }
  const counted = [...event.traffic].map(([uid, traffic]) => [uid, trafficJson(traffic)] as const);
  return { event: 'traffic', traffic: Object.fromEntries(counted) };
}

function trafficJson(traffic: Traffic): Record<string, number> {
  return Object.fromEntries(Object.entries(traffic).map(([name, value]) => [name, Number(value)]));
}

function lines(event: WatchEvent, gauge: Gauge): string[] {
  return event.kind === 'session' ? [sessionLine(event.session)] : gauge.lines(event.traffic);
}

function sessionLine(session: SessionInfo): string {
  const { uid, role, state, listeners, targets, expires, traffic } = session;
  const way = `${listeners.join(',') || '-'} -> ${targets.join(',') || '-'}${limit(session)}`;
  const until = expires ? `, until ${expires.toISOString()}` : '';
  const total = traffic.bytesIn === undefined ? '' : `, ${bytes(traffic.bytesIn)} in, ${bytes(traffic.bytesOut)} out`;
  return `${uid} ${role} ${state}: ${way}${until}${total}`;
}
