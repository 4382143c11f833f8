import { CommanderError, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { aborted } from '../core/deferred.js';
import { exitCodeOf, SciStreamError, toSciStreamError } from '../core/errors.js';
import { addOpposites, normalizeArgv } from './argv.js';

const signalExit = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type StopSignal = keyof typeof signalExit;

/** The reason of the programs' abort signal once the user or the system asked them to stop. */
export class Interrupted extends SciStreamError {
  readonly signal: StopSignal;

  constructor(signal: StopSignal) {
    super('CANCELED', `Stopped by ${signal}.`);
    this.signal = signal;
  }
}

/** Milliseconds within which a second signal is the same wish: a terminal or `timeout` signals a process and its group. */
const sameWishMs = 1_000;

/**
 * Aborts with the first SIGINT, SIGTERM or SIGHUP, so that everything is freed on the way out; another one, a second later or
 * more, ends the process at once.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let firstAt = 0;
  for (const name of Object.keys(signalExit) as StopSignal[]) {
    process.on(name, () => {
      if (!controller.signal.aborted) {
        firstAt = performance.now();
        controller.abort(new Interrupted(name));
      } else if (performance.now() - firstAt > sameWishMs) {
        process.exit(signalExit[name]);
      }
    });
  }
  return controller.signal;
}

/** Waits for the stop signal; nothing else has to keep the process alive. */
export async function untilStopped(signal: AbortSignal): Promise<void> {
  const alive = setInterval(() => undefined, 60_000);
  await aborted(signal);
  clearInterval(alive);
}

/**
 * Runs a program: its command line in either spelling, one sentence on stderr for a failure, and an exit code that tells
 * which. Ends by letting go of everything, not by force.
 */
export async function main(program: CommandUnknownOpts): Promise<void> {
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    await program.parseAsync(normalizeArgv(process.argv.slice(2), program), { from: 'user' });
  } catch (error) {
    const { text, exit } = report(error, program.name());
    process.stderr.write(text);
    process.exitCode = exit;
  }
}

/** How a program that has failed says so: one sentence, but for a defect of our own, and its exit code. */
export function report(error: unknown, program: string): { text: string; exit: number } {
  // The command line's own have been told already.
  if (error instanceof CommanderError) return { text: '', exit: error.exitCode === 0 ? 0 : exitCodeOf('BAD_FORMAT') };
  if (error instanceof Interrupted) return { text: '', exit: signalExit[error.signal] };
  const { message, code } = toSciStreamError(error);
  const stacks = defects(error).map(({ stack = '' }) => `${stack}\n`);
  return { text: `${program}: ${message}\n${stacks.join('')}`, exit: exitCodeOf(code) };
}

function defects(error: unknown): Error[] {
  if (error instanceof AggregateError) return error.errors.flatMap(defects);
  return error instanceof Error && !(error instanceof SciStreamError) ? [error] : [];
}

/** Applies our conventions to a program and its commands: no exit from inside, one spelling of help, flags that can be off. */
export function conventions<C extends CommandUnknownOpts>(program: C): C {
  // What a command takes is told by its own help.
  program.configureHelp({ subcommandTerm: (command) => command.name() });
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showSuggestionAfterError()
      .showHelpAfterError(`Run "${program.name()} --help" for all options.`);
    command.helpOption('-h, --help', 'show this help');
    addOpposites(command);
  }
  return program;
}
