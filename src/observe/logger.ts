import { destination, pino, type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  /** The program's name, on every line. */
  name: string;
  level: LogLevel;
  /** People read columns, machines read JSON. Default: a person, when stderr is a terminal. */
  pretty?: boolean;
}

/** Bytes of lines that are kept for when they can be written again; those beyond are dropped. */
const mostWaiting = 1 << 20;

/**
 * A logger that writes to stderr at once, so that the last line before a crash is there. Where that fails, as on a full disk, the
 * program goes on.
 */
export function createLogger({ name, level, pretty: forPeople = process.stderr.isTTY }: LoggerOptions): Logger {
  const stream = forPeople
    ? pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' })
    : destination({ dest: 2, sync: true, maxLength: mostWaiting });
  stream.on('error', () => undefined);
  return pino(
    { name, level, base: { pid: process.pid }, formatters: { level: (label) => ({ level: label }) } },
    stream,
  );
}
