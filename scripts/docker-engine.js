// A Docker Engine for tests, in a folder of its own, with images of the proxies that are installed here: no registry is asked.
//   sudo node scripts/docker-engine.js start DIR [--next]    prints its address; --next: also images tagged "next" with
//       the versions of the next Debian release
//   sudo node scripts/docker-engine.js stop DIR     ends it and removes the folder
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { unpackNextDebian } from './next-debian.js';

const run = promisify(execFile);

/** What an image holds besides the libraries of these files; missing ones are an error. */
const images = {
  haproxy: ['/usr/sbin/haproxy'],
  nginx: [
    '/usr/sbin/nginx',
    '/usr/lib/nginx/modules/ngx_stream_module.so',
    '/usr/share/nginx/modules/ngx_stream_module.so',
    '/etc/nginx/modules-enabled/50-mod-stream.conf',
    '/etc/nginx/mime.types',
  ],
  stunnel: ['/usr/bin/stunnel4'],
};

const [command, folder, next] = process.argv.slice(2);
if (folder === undefined) throw new Error('Usage: docker-engine.js start|stop DIR [--next]');
const dir = path.resolve(folder);
const socket = path.join(dir, 'docker.sock');
/** The machine's own daemon.json is not for this one. */
const configFile = path.join(dir, 'daemon.json');

if (command === 'start') {
  try {
    await start();
    console.log(`unix://${socket}`);
  } catch (error) {
    await stop();
    throw error;
  }
} else if (command === 'stop') {
  await stop();
} else {
  throw new Error(`${command} is not start or stop`);
}

async function start() {
  await mkdir(dir, { recursive: true });
  await writeFile(configFile, '{}');
  const daemon = startDaemon();
  const docker = new Docker({ host: undefined, socketPath: socket, protocol: 'http' });
  const ended = once(daemon, 'exit').then(() => {
    throw new Error(`dockerd has ended:\n${readFileSync(path.join(dir, 'dockerd.log'), 'utf8').slice(-3000)}`);
  });
  const rootFiles = makeRootFiles();
  await Promise.race([ended, until('dockerd answers', 60_000, () => docker.ping().catch(() => undefined))]);
  const skeleton = await rootFiles;
  await Promise.race([
    ended,
    Promise.all([
      ...Object.entries(images).map(([name, files]) => importImage(docker, name, files, skeleton)),
      ...(next === '--next' ? [importNext(docker, skeleton)] : []),
    ]),
  ]);
  daemon.unref();
}

function startDaemon() {
  const log = openSync(path.join(dir, 'dockerd.log'), 'a');
  // Nothing of it may meet an Engine that serves this machine already.
  const args = [
    ...[
      '--host',
      `unix://${socket}`,
      '--group',
      process.env.SUDO_GID ?? '0',
      '--pidfile',
      path.join(dir, 'dockerd.pid'),
    ],
    ...['--data-root', path.join(dir, 'data'), '--exec-root', path.join(dir, 'exec'), '--config-file', configFile],
    ...['--containerd-namespace', namespace(), '--containerd-plugins-namespace', `${namespace()}-plugins`],
    ...['--storage-driver', 'overlay2', '--bridge', 'none', '--iptables=false', '--shutdown-timeout', '5'],
  ];
  try {
    return spawn('dockerd', args, { detached: true, stdio: ['ignore', log, log] });
  } finally {
    closeSync(log);
  }
}

function namespace() {
  return `scistream-test-${process.pid}`;
}

/** What every image has besides programs. */
async function makeRootFiles() {
  const skeleton = await mkdtemp(path.join(dir, 'skeleton-'));
  for (const name of ['etc', 'run', 'var/log/nginx', 'var/lib/nginx']) {
    await mkdir(path.join(skeleton, name), { recursive: true });
  }
  await writeFile(path.join(skeleton, 'etc/passwd'), 'root:x:0:0::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n');
  await writeFile(path.join(skeleton, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  return skeleton;
}

async function importImage(docker, name, files, skeleton) {
  const programs = files.filter((file) => /\/s?bin\/|\.so$/.test(file));
  const libraries = [...(await librariesOf(programs)), ...(await loadedLate())];
  const members = [...new Set([...files, ...libraries])].map((file) => file.slice(1));
  await importFiles(docker, ['-C', '/', '--dereference', ...members, '-C', skeleton, '.'], name, 'latest');
}

/** One image with all three programs, under three names. */
async function importNext(docker, skeleton) {
  const root = await unpackNextDebian(path.join(dir, 'next'), ['haproxy', 'nginx', 'libnginx-mod-stream', 'stunnel4']);
  // What packages would make when they are installed.
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) await symlink(`usr/${name}`, path.join(root, name));
  const enabled = path.join(root, 'etc/nginx/modules-enabled');
  await mkdir(enabled, { recursive: true });
  await writeFile(path.join(enabled, '50-mod-stream.conf'), 'load_module modules/ngx_stream_module.so;\n');
  const [first, ...others] = Object.keys(images);
  await cp(skeleton, root, { recursive: true });
  await importFiles(docker, ['-C', root, '.'], first, 'next');
  const image = docker.getImage(`scistream-test/${first}:next`);
  for (const name of others) await image.tag({ repo: `scistream-test/${name}`, tag: 'next' });
}

/** `members` as tar takes them. */
async function importFiles(docker, members, name, tag) {
  const tar = spawn('tar', ['-c', ...members], { stdio: ['ignore', 'pipe', 'inherit'] });
  const packed = once(tar, 'exit');
  const progress = await docker.importImage(tar.stdout, { repo: `scistream-test/${name}`, tag });
  await new Promise((resolve, reject) => {
    docker.modem.followProgress(progress, (error) => (error ? reject(error) : resolve()));
  });
  const [code] = await packed;
  if (code !== 0) throw new Error(`the image of ${name} could not be packed`);
}

async function librariesOf(programs) {
  const { stdout } = await run('ldd', programs);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, file]) => file);
}

/** What the C library loads only when a thread ends; Node is linked with it. */
async function loadedLate() {
  return (await librariesOf([process.execPath])).filter((file) => file.includes('libgcc_s'));
}

async function stop() {
  const pids = [path.join(dir, 'dockerd.pid'), path.join(dir, 'exec/containerd/containerd.pid')]
    .filter((file) => existsSync(file))
    .map((file) => Number(readFileSync(file, 'utf8')))
    .filter(isOurs);
  if (pids[0] !== undefined) await end(pids[0], 30_000);
  // Where the daemon has not ended by itself, it has left others.
  for (const pid of [...pids.slice(1), ...ourShims()]) await end(pid, 5_000);
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1])
    .filter((target) => target?.startsWith(`${dir}/`));
  for (const target of mounts.reverse()) execFileSync('umount', [target]);
  await rm(dir, { recursive: true, force: true });
}

/** Asks a process to end, and makes it after `ms`. */
async function end(pid, ms) {
  signal(pid, 'SIGTERM');
  try {
    await until(`process ${pid} ends`, ms, () => !isOurs(pid));
  } catch {
    signal(pid, 'SIGKILL');
    await until(`process ${pid} is killed`, 5_000, () => !isOurs(pid));
  }
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** The daemon and its helpers name our folder in their arguments; a process that took over the id does not. */
function isOurs(pid) {
  try {
    const [name, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return /^(dockerd|containerd.*)$/.test(path.basename(name)) && args.some((arg) => arg.includes(`${dir}/`));
  } catch {
    return false;
  }
}

function ourShims() {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter(isOurs);
}

async function until(what, ms, probe) {
  const deadline = performance.now() + ms;
  for (;;) {
    const answer = await probe();
    if (answer) return;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
