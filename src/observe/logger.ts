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

/** A logger that writes to stderr at once, so that the last line before a crash is there. */
export function createLogger({ name, level, pretty: forPeople = process.stderr.isTTY }: LoggerOptions): Logger {
  const stream = forPeople
    ? pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' })
    : destination({ dest: 2, sync: true });
  return pino(
    { name, level, base: { pid: process.pid }, formatters: { level: (label) => ({ level: label }) } },
    stream,
  );
}
