import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatEndpoint } from '../../../src/core/endpoint.js';
import { until } from '../../../src/core/until.js';
import type { Job } from '../../../src/data/runners/runner.js';
import { canRunDocker } from '../../support/docker.js';
import { containers, nginx, prepare, run, setUp, user } from '../../support/docker-runner.js';
import { freePort, loggerTo } from '../../support/engine.js';
import { Payload } from '../../support/payload.js';
import { accepts, connect, echo, hashAll, readAll, saying } from '../../support/tcp.js';

/** With the start of the Engine. */
const timeout = 120_000;

describe.runIf(canRunDocker())('the runner docker', { timeout }, () => {
  it('carries data through a proxy in a container', async () => {
    const { runner } = await setUp();
    const prepared = await prepare(runner, (await echo()).address);
    await runner.verify(prepared.job);
    await run(runner, prepared);
    const payload = new Payload(16);
    const socket = await connect(prepared.address);
    const [received] = await Promise.all([hashAll(socket), payload.sendTo(socket)]);
    expect(received).toEqual({ hash: payload.hash, bytes: payload.bytes });
  });

  it('S11 gives the program no user, no rights and no files but its own', async () => {
    const { runner, docker } = await setUp();
    const prepared = await prepare(runner, (await echo()).address);
    await run(runner, prepared);
    const { folder } = prepared.job.place;
    const { State, Config, HostConfig, Mounts } = await docker.getContainer(`scistream-${prepared.job.id}`).inspect();
    expect(user.uid).not.toBe(0);
    expect(Config.User).toBe(`${user.uid}:${user.gid}`);
    expect(HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      Privileged: false,
      NetworkMode: 'host',
    });
    expect(HostConfig.RestartPolicy?.Name).toBe('no');
    expect(Mounts).toMatchObject([{ Type: 'bind', Source: folder, Destination: folder }]);
    // What the kernel says of it.
    const status = await readFile(`/proc/${State.Pid}/status`, 'utf8');
    expect(status).toMatch(new RegExp(`^Uid:(\t${user.uid}){4}$`, 'm'));
    expect(status).toMatch(new RegExp(`^Gid:(\t${user.gid}){4}$`, 'm'));
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(status).toMatch(new RegExp(`^${set}:\t0{16}$`, 'm'));
    }
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(await readFile(`/proc/${State.Pid}/mountinfo`, 'utf8')).toMatch(/^\S+ \S+ \S+ \S+ \/ ro,/m);
  });

  it('S11 keeps files of a reservation private to the program and us', async () => {
    const { runner } = await setUp();
    const { job } = await prepare(runner, '127.0.0.1:1');
    await runner.verify(job);
    const [folder, file] = await Promise.all([
      stat(job.place.folder),
      stat(path.join(job.place.folder, 'haproxy.cfg')),
    ]);
    expect([folder.uid, folder.mode & 0o777]).toEqual([user.uid, 0o700]);
    expect([file.uid, file.mode & 0o777]).toEqual([user.uid, 0o600]);
  });

  it('R7 gives each reservation its own container, ports and configuration', async () => {
    const setup = await setUp();
    const { runner } = setup;
    const one = await prepare(runner, (await saying('one')).address);
    const two = await prepare(runner, (await saying('two')).address);
    const [first, second] = await Promise.all([run(runner, one), run(runner, two)]);
    expect(await containers(setup)).toEqual([`/scistream-${one.job.id}`, `/scistream-${two.job.id}`].toSorted());
    expect(await Promise.all([one, two].map(({ address }) => hear(address)))).toEqual(['one', 'two']);

    await first[Symbol.asyncDispose]();
    await runner.end(one.job.id);
    expect(await accepts(one.address)).toBe(false);
    expect(await hear(two.address)).toBe('two');
    await second[Symbol.asyncDispose]();
  });

  it('R7 removes container and folder at release', async () => {
    const setup = await setUp();
    const prepared = await prepare(setup.runner, (await echo()).address);
    const running = await run(setup.runner, prepared);
    await Promise.all([running[Symbol.asyncDispose](), running[Symbol.asyncDispose]()]);
    await setup.runner.end(prepared.job.id);
    expect(await containers(setup)).toEqual([]);
    expect(existsSync(prepared.job.place.folder)).toBe(false);
    expect(await accepts(prepared.address)).toBe(false);
  });

  it('S3 does not take an id that is no name', async () => {
    const { runner, options } = await setUp();
    for (const id of ['../../etc', '', '.', 'a/b', 'a b', '-x', 'x\ny']) {
      await expect(runner.place(id)).rejects.toMatchObject({ code: 'BAD_FORMAT' });
      await expect(runner.end(id)).rejects.toMatchObject({ code: 'BAD_FORMAT' });
    }
    expect(existsSync(options.folder)).toBe(true);
  });

  it.each([
    ['run-42_a.b', 'run-42_a.b'],
    ['../../etc/passwd\n--privileged=$(reboot)\0"é', '.._.._etc_passwd_--privileged___reboot____'],
    ['x'.repeat(1_000), 'x'.repeat(64)],
  ])('S3 labels a container with the uid of its session, made safe: %j', async (uid, label) => {
    const { runner, docker } = await setUp();
    const prepared = await prepare(runner, (await echo()).address);
    await run(runner, { ...prepared, job: { ...prepared.job, uid } });
    const found = await docker.listContainers({ filters: { label: [`org.scistream.uid=${label}`] } });
    expect(found.flatMap(({ Names }) => Names)).toContain(`/scistream-${prepared.job.id}`);
    // Whoever has taken the session over without knowing its uid finds it all the same.
    await using adopted = await runner.adopt(prepared.job);
    expect(adopted).toBeDefined();
  });

  it('tells what the program says of a configuration that it does not accept, and leaves nothing of the check', async () => {
    const setup = await setUp();
    const { job } = await prepare(setup.runner, '127.0.0.1:1');
    await setup.runner.verify(job);
    expect(await containers(setup)).toEqual([]);
    await writeFile(path.join(job.place.folder, 'haproxy.cfg'), 'no-such-section\n');
    await expect(setup.runner.verify(job)).rejects.toMatchObject({
      code: 'SERVER_ERR',
      message: expect.stringMatching(/^haproxy does not accept its configuration: .*no-such-section/) as string,
    });
    expect(await containers(setup)).toEqual([]);
  });

  it('R4 drains what the program prints into the log, line by line', async () => {
    const { runner, docker } = await setUp();
    const prepared = await prepare(runner, (await saying('hello')).address);
    await run(runner, prepared);
    const connections = 500;
    for (let index = 0; index < connections; index++) expect(await hear(prepared.address)).toBe('hello');
    // HAProxy drops lines rather than to wait: what the Engine has got of them is what counts.
    const container = docker.getContainer(`scistream-${prepared.job.id}`);
    const printed = async (): Promise<number> =>
      (await container.logs({ follow: false, stdout: true })).toString('latin1').split(marked).length - 1;
    const logged = (): number => prepared.log.filter((line) => line.includes(marked)).length;
    await until('every line', 10_000, async () => logged() > connections / 2 && logged() === (await printed()));
  });

  it('signals the program, which can read what was written in the meantime', async () => {
    const { runner } = await setUp();
    const [before, after] = await Promise.all([saying('before'), saying('after')]);
    const id = randomUUID();
    const listener = { host: '127.0.0.1', port: await freePort() };
    const place = await runner.place(id);
    const file = path.join(place.folder, 'nginx.conf');
    const configure = (target: string): Promise<void> =>
      writeFile(file, nginxConfig(formatEndpoint(listener), target, place.seenAs), { mode: 0o600 });
    await configure(before.address);
    const job: Job = {
      ...{ id, program: nginx, place, listeners: [listener], transport: 'tcp', logger: loggerTo([]) },
      arguments: ['-e', 'stderr', '-c', file],
      checkArguments: ['-t', '-e', 'stderr', '-c', file],
    };
    await runner.verify(job);
    const address = formatEndpoint(listener);
    const running = await run(runner, { job, address, log: [] });
    expect(await hear(address)).toBe('before');
    await configure(after.address);
    await running.signal('SIGHUP');
    await until('the new target is used', 10_000, async () => (await hear(address)) === 'after');
  });
});

/** In HAProxy's line about a connection. */
const marked = ' data data/target ';

/** What the server behind the proxy says. */
async function hear(address: string): Promise<string> {
  const socket = await connect(address);
  const said = await readAll(socket);
  socket.destroy();
  return said.toString();
}

function nginxConfig(listener: string, target: string, folder: string): string {
  return `daemon off;
pid ${folder}/nginx.pid;
error_log stderr notice;
include /etc/nginx/modules-enabled/*.conf;
events {}
stream {
  server {
    listen ${listener};
    proxy_pass ${target};
  }
}
`;
}
