/** `npm run bench`: the relay and other programs side by side, one after the other, in one run. */
import { writeFile } from 'node:fs/promises';
import { Command, CommanderError } from '@commander-js/extra-typings';
import { messageOf } from '../src/core/errors.js';
import { stopOnSignals } from './interrupt.js';
import { parseCount, parseScenarios, runOptions, scenarioNames } from './options.js';
import { htmlPage } from './report/html.js';
import { jsonText } from './report/json.js';
import { runBenchmark } from './run.js';

const program = new Command('npm run bench --')
  .description(
    'Measures the relay beside HAProxy, nginx, stunnel and a plain Node pipe, alternating on this machine, and prints ' +
      'medians and ratios. Programs that are missing are left out.',
  )
  .option('--quick', 'the most important scenarios only, under two minutes')
  .option('--only <names>', `comma-separated scenarios or groups of them: ${scenarioNames()}`, parseScenarios)
  .option('--rounds <n>', 'how often each arm is measured (default: 5, quick 3)', parseCount)
  .option('--seconds <s>', 'how long each measurement takes (default: 4, quick 1)', parseCount)
  .option('--docker-host <host>', 'Docker Engine for the proxies that run in containers (default: the usual one)')
  .option('--haproxy-image <image>', 'image for HAProxy in a container (default: that of s2ds)')
  .option('--nginx-image <image>', 'image for nginx in a container (default: that of s2ds)')
  .option('--stunnel-image <image>', 'image for stunnel in a container (default: that of s2ds)')
  .option('--json <file>', 'write everything that was measured')
  .option('--html <file>', 'write one page with charts')
  .helpOption('-h, --help', 'show this help')
  .exitOverride()
  .action(async ({ json, html, ...flags }) => {
    if (process.platform !== 'linux') throw new Error('The benchmark needs Linux: it reads the CPU time from /proc.');
    const report = await runBenchmark(runOptions(flags), terminal, stop.signal);
    if (json !== undefined) await writeFile(json, jsonText(report));
    if (html !== undefined) await writeFile(html, htmlPage(report));
  });

const terminal = {
  tell: (line: string) => void process.stderr.write(`${line}\n`),
  print: (text: string) => void process.stdout.write(`\n${text}\n`),
};

function exitCodeOf(error: unknown): number {
  // Commander has printed its sentence already; its own code for a wrong value would be 1.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  process.stderr.write(`${messageOf(stop.signal.aborted ? stop.signal.reason : error)}\n`);
  return stop.exitCode ?? 1;
}

const stop = stopOnSignals();
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
