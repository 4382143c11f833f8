// Fails when src/gen is not what the protos in proto/ generate now.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const fresh = mkdtempSync(path.join(tmpdir(), 'scistream-gen-'));
try {
  execFileSync('npx', ['--no-install', 'buf', 'generate', '--output', fresh], { stdio: 'inherit' });
  execFileSync('diff', ['-r', path.join(fresh, 'src/gen'), 'src/gen'], { stdio: 'inherit' });
} catch {
  console.error('src/gen is not up to date: run "npm run generate" and commit the result.');
  process.exitCode = 1;
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
