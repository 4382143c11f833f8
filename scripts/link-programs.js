// Makes dist/bin, a folder to put in PATH: the programs by the names they have once installed.
import { chmodSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';

const bin = 'dist/bin';
const programs = JSON.parse(readFileSync('package.json', 'utf8')).bin;
mkdirSync(bin, { recursive: true });
for (const [name, file] of Object.entries(programs)) {
  chmodSync(file, 0o755);
  symlinkSync(path.relative(bin, file), path.join(bin, name));
}
