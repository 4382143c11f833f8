/** `npm run demo`: streams detector frames, or a file, through two facilities on this machine, and proves that they arrived. */
import { Command, CommanderError, Option } from '@commander-js/extra-typings';
import { runDemo } from './demo.js';
import { Interrupted, stopOnSignals } from './interrupt.js';
import { defaultMessages, demoOptions, parseFile, parseMessages } from './options.js';
import { messageOf, problems } from './problems.js';
import { profileNames } from './profiles.js';
import { summaryText } from './summary.js';

const program = new Command('npm run demo --')
  .description(
    'Starts two facilities, a ZeroMQ producer and a ZeroMQ consumer as processes of this machine, ' +
      'streams from one to the other, and checks that every byte arrived.',
  )
  .addOption(
    new Option('--profile <name>', 'messages of 1 MiB (lcls) or of 16 KiB (deleria)')
      .choices(profileNames)
      .default('lcls' as const),
  )
  .option('--messages <n>', `how many detector frames to stream (default: ${defaultMessages})`, parseMessages)
  .addOption(
    new Option('--input <file>', 'stream this file, cut in messages, instead of detector frames')
      .argParser(parseFile)
      .conflicts('messages'),
  )
  .option('--json', 'print the summary as JSON')
  .helpOption('-h, --help', 'show this help')
  .exitOverride()
  .action(async ({ json, ...flags }) => {
    const summary = await runDemo(demoOptions(flags), stop);
    process.stdout.write(`${json ? JSON.stringify(summary) : summaryText(summary)}\n`);
  });

function exitCodeOf(error: unknown): number {
  // Commander has printed its sentence already; its own code for a wrong value would be 1.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const [cause, ...releasing] = problems(error, stop.signal);
  process.stderr.write(`${messageOf(cause)}\n`);
  for (const problem of releasing) process.stderr.write(`While releasing: ${messageOf(problem)}\n`);
  return cause instanceof Interrupted ? cause.exitCode : 1;
}

const stop = stopOnSignals();
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
