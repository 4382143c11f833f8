import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openStream, type Stream } from 'scistream';
import { Facility } from './facility.js';
import { Footprint } from './footprint.js';
import { profiles, type ProfileName } from './profiles.js';
import { Progress } from './progress.js';
import { consumerReport, listening, sent, type Received, type Sent } from './protocol.js';
import { summarize, type Summary } from './summary.js';
import { Application } from './application.js';

const startMs = 60_000;

export interface DemoOptions {
  readonly profile: ProfileName;
  /** How many will be sent. */
  readonly messages: number;
  /** A file to stream instead of detector frames. */
  readonly input?: string | undefined;
}

/** Streams once through two facilities of its own. Whatever happens, and when `stop` aborts, nothing of it stays. */
export async function runDemo(options: DemoOptions, stop: AbortController): Promise<Summary> {
  const footprint = new Footprint();
  const results = await streamOnce(options, stop, footprint);
  stop.signal.throwIfAborted();
  return summarize(options, results.sent, results.received, await footprint.confirmGone());
}

interface Results {
  readonly sent: Sent;
  readonly received: Received;
}

async function streamOnce(options: DemoOptions, stop: AbortController, footprint: Footprint): Promise<Results> {
  const { messageBytes, highWaterMark } = profiles[options.profile];
  const { messages, input } = options;
  tell('Starting two facilities and a producer');
  await using folder = await temporaryFolder();
  await using inbound = new Facility('producer', folder.path, stop);
  await using outbound = new Facility('consumer', folder.path, stop);
  await using producer = Application.producer({ messageBytes, messages, highWaterMark, input }, stop);
  const started = Promise.all([inbound.ready(), outbound.ready(), producer.next(listening)]);
  const [from, to, { address }] = await within(startMs, 'The start', started, stop);

  await using stream = await openStream({ inbound: from, outbound: to, targets: [address], signal: stop.signal });
  const [connect = ''] = stream.connect;
  tell(`Stream ${address} -> ${stream.inbound.listeners.join()} -> ${connect} -> consumer`);
  await using consumer = Application.consumer({ connect, highWaterMark }, stop);
  footprint.folder(folder.path);
  for (const program of [inbound, outbound, producer, consumer]) footprint.process(program);
  footprint.ports([from.s2cs, to.s2cs, address, ...portsOf(stream)]);

  const received = await follow(consumer, messages);
  return { received, sent: await producer.next(sent) };
}

async function follow(consumer: Application, messages: number): Promise<Received> {
  using progress = new Progress(process.stderr, messages);
  for (;;) {
    const report = await consumer.next(consumerReport);
    if (report.kind === 'received') return report;
    progress.show(report);
  }
}

function portsOf({ inbound, outbound }: Stream): string[] {
  return [...inbound.listeners, ...outbound.listeners];
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'scistream-demo-'));
  return { path: folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** Stops the demo when `work` has not come to its end after `ms`. */
async function within<T>(ms: number, what: string, work: Promise<T>, stop: AbortController): Promise<T> {
  const timer = setTimeout(() => {
    stop.abort(new Error(`${what} took longer than ${ms / 1000} s.`));
  }, ms);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
