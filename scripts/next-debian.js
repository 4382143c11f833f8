// Programs of the next Debian release in a folder of their own, without touching the system: the newer versions that images have
// which sites use.
import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const release = 'trixie';

/** Downloads `packages` with all they need and unpacks them below `dir`/root; answers that folder. */
export async function unpackNextDebian(dir, packages) {
  const [root, apt] = [path.join(dir, 'root'), path.join(dir, 'apt')];
  for (const folder of [root, path.join(apt, 'lists/partial'), path.join(apt, 'archives/partial')]) {
    await mkdir(folder, { recursive: true });
  }
  await writeFile(path.join(apt, 'status'), '');
  await writeFile(path.join(apt, 'sources.list'), `deb ${await ownArchive()} ${release} main\n`);
  const options = [
    ...[`Dir::Etc::SourceList=${apt}/sources.list`, 'Dir::Etc::SourceParts=-', `Dir::State=${apt}`],
    ...[`Dir::State::status=${apt}/status`, `Dir::Cache=${apt}`, 'Acquire::Retries=3', 'APT::Sandbox::User=root'],
  ].flatMap((option) => ['-o', option]);
  await run('apt-get', [...options, 'update']);
  await run('apt-get', [...options, 'install', '-y', '--download-only', '--no-install-recommends', ...packages]);
  const archives = path.join(apt, 'archives');
  for (const name of (await readdir(archives)).filter((file) => file.endsWith('.deb'))) {
    await run('dpkg-deb', ['--extract', path.join(archives, name), root]);
  }
  await rm(apt, { recursive: true });
  return root;
}

/** Where this system has its own packages from. */
async function ownArchive() {
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(REPO_URI) $(ORIGIN) $(LABEL)']);
  const found = stdout.split('\n').find((line) => / Debian Debian$/.test(line));
  if (found === undefined) throw new Error('This system has no Debian archive; its package lists may be missing.');
  return found.split(' ')[0];
}
