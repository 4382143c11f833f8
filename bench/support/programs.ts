import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const stream = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** Programs of others that are measured or that measure, and the Debian packages that have them. */
const packages = {
  iperf3: 'iperf3',
  wrk: 'wrk',
  haproxy: 'haproxy',
  nginx: 'nginx-core',
  [stream]: 'libnginx-mod-stream',
  stunnel: 'stunnel4',
  openssl: 'openssl',
};

export type ProgramName = keyof typeof packages;

export const nginxStreamModule: ProgramName = stream;

/** Where the program is. Throws, naming the package that has it, when it is not there. */
export function locate(program: ProgramName): string {
  const file = find(program);
  if (file === undefined) throw new Error(missing(program));
  return file;
}

/** One sentence for each program that is not there. */
export function missingPrograms(programs: readonly ProgramName[]): string[] {
  return programs.filter((program) => find(program) === undefined).map(missing);
}

function missing(program: ProgramName): string {
  return `${path.basename(program)} is missing; the Debian package ${packages[program]} has it`;
}

function find(program: ProgramName): string | undefined {
  // Debian keeps servers where an ordinary user's PATH does not lead.
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => path.resolve(folder, program)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, file.endsWith('.so') ? constants.R_OK : constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
