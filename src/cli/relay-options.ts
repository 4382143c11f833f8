import type { Command, OptionValues } from '@commander-js/extra-typings';

/** What both servers take for the relay; see config/relay.ts. */
export function relaying<Args extends unknown[], Opts extends OptionValues>(command: Command<Args, Opts>) {
  return command
    .option('--workers <n>', 'threads that forward (default: the number of cores)')
    .option('--buffer-size <size>', 'bytes that one direction of a connection may hold (default: 1MiB)')
    .option('--socket-buffer <size>', "the kernel's buffer of every connection (default: 0, which lets it adapt them)")
    .option('--idle-timeout <time>', 'close connections that are silent for so long (default: 0, never)')
    .option('--portable', "forward with Node's own sockets, as where the fast engine cannot run");
}
