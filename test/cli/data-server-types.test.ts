import { once } from 'node:events';
import { chmod, chown, readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { canRunDocker, dockerEngine, engineArguments } from '../support/docker.js';
import { Facility, temporaryDir } from '../support/facility.js';
import { proxyPackages } from '../support/processes.js';
import { bin, Program, run, type Finished } from '../support/program.js';
import { requirePrograms } from '../support/requires.js';
import { failsInOneSentence } from './commands.js';

const availability = z.union([
  z.object({ available: z.literal(true), version: z.string().optional() }),
  z.object({ available: z.literal(false), reason: z.string() }),
]);
const row = z
  .object({ name: z.string(), aliases: z.array(z.string()), engine: z.string(), runner: z.string() })
  .and(availability);
type Row = z.infer<typeof row>;

const nobody = 65534;
/** Only root can own a socket that it then may not open. */
const maySetUsers = process.getuid?.() === 0;

const noEngine = ['--docker-host', 'unix:///nonexistent.sock'];
const noEngineAnswers = /^No Docker Engine answers at unix:\/\/\/nonexistent\.sock: start it, or name another with /;
const noJanus = /^Janus is not set up; give --janus-url/;

async function check(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  const stateDir = path.join(await temporaryDir(), 'state');
  return run('s2cs', ['--check', '--state-dir', stateDir, ...args], { env });
}

async function checkJson(args: readonly string[], env?: Record<string, string>): Promise<Map<string, Row>> {
  const { stdout } = await check(['--json', ...args], env);
  expect(stdout).toMatch(/^[^\n]+\n$/);
  return parseRows(stdout);
}

function parseRows(stdout: string): Map<string, Row> {
  return new Map(
    z
      .array(row)
      .parse(JSON.parse(stdout))
      .map((found) => [found.name, found]),
  );
}

/** Names and aliases of each type, as the first table of docs/data-servers.md has them. */
async function documented(): Promise<string[][]> {
  const [, table = ''] =
    /^\| `--type`.*\n\|[- |]+\n((?:\|.*\n)+)/m.exec(await readFile('docs/data-servers.md', 'utf8')) ?? [];
  const rows = table
    .trim()
    .split('\n')
    .map((line) => line.split('|').slice(1, 3).join());
  return rows.map((cells) => [...cells.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
}

/** Its small letters as capitals and the reverse. */
function inOtherCase(name: string): string {
  return name.replace(/[a-z]/gi, (letter) => (/[a-z]/.test(letter) ? letter.toUpperCase() : letter.toLowerCase()));
}

describe('s2cs --check', () => {
  it('has one line for each type, and nothing else on stdout', async () => {
    const { stdout, stderr, code } = await check(noEngine);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual((await documented()).map(([name]) => name));
    for (const line of lines) expect(line).toMatch(/^[a-z-]+ {2,}(ready(, \S.*)?|[A-Z a-z].*\.)$/);
    expect([stderr, code]).toEqual(['', 0]);
  });

  it('tells scripts the same, and why a type cannot run here', async () => {
    const types = await checkJson(noEngine);
    expect([...types.values()].map(({ name, aliases }) => [name, ...aliases])).toEqual(await documented());
    expect(types.get('relay')).toEqual({
      ...{ name: 'relay', aliases: ['S2DS'], engine: 'relay', runner: 'embedded', available: true },
    });
    for (const { engine, runner, ...found } of types.values()) {
      if (runner === 'embedded') expect(found.available).toBe(true);
      const reason = expect.stringMatching(runner === 'docker' ? noEngineAnswers : noJanus) as string;
      if (runner === 'docker' || runner === 'janus') expect(found).toMatchObject({ available: false, reason });
      expect(found.name.startsWith(engine)).toBe(true);
    }
  });

  it.each([
    [
      'Nginx',
      noEngine,
      /^s2cs: --type Nginx cannot run here: No Docker Engine answers at unix:\/\/\/nonexistent\.sock/,
    ],
    ['janus', [], /^s2cs: --type janus cannot run here: Janus is not set up; give --janus-url/],
  ])('ends with a sentence when the type that was chosen cannot run: -t %s', async (type, args, says) => {
    const { stdout, stderr, code } = await check(['-t', type, ...args]);
    expect(stderr).toMatch(says);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(code).toBe(12);
    expect(stdout).toMatch(/^relay +ready$/m);
  });

  it('names the package of a program that is not installed', async () => {
    const nowhere = { PATH: await temporaryDir() };
    const types = await checkJson(noEngine, nowhere);
    const reason = 'stunnel is not installed; install the Debian package stunnel4.';
    expect(types.get('stunnel-process')).toMatchObject({ available: false, reason });
    const { stderr, code } = await check(['-t', 'StunnelSubprocess'], nowhere);
    expect([stderr, code]).toEqual([`s2cs: --type StunnelSubprocess cannot run here: ${reason}\n`, 12]);
  });

  it.runIf(maySetUsers)('says how to get the right to use a Docker Engine', async () => {
    const dir = await temporaryDir();
    const socket = path.join(dir, 'docker.sock');
    const server = net.createServer().listen(socket);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    await chown(socket, nobody, nobody);
    await chmod(socket, 0o600);
    // Who runs the tests, so that all files can be read, but without the power of root over other users' files.
    const command = ['--bounding-set=-dac_override', process.execPath, bin('s2cs'), '--check', '--json'];
    const flags = ['--state-dir', path.join(dir, 'state'), '--docker-host', `unix://${socket}`, '-t', 'Haproxy'];
    const { stdout, stderr, code } = await new Program('setpriv', [...command, ...flags]).finished;
    const reason = `This user may not use the Docker Engine at unix://${socket}: add the user to the group docker, or give --docker-host.`;
    expect([stderr, code]).toEqual([`s2cs: --type Haproxy cannot run here: ${reason}\n`, 12]);
    expect(parseRows(stdout).get('nginx-docker')).toMatchObject({ available: false, reason });
  });

  it.runIf(canRunDocker())('says how to get an image that the Docker Engine lacks', async () => {
    const engine = await dockerEngine();
    const types = await checkJson([...engineArguments(engine), '--nginx-image', 'no-such-image:1']);
    expect(types.get('haproxy-docker')).toMatchObject({
      available: true,
      version: expect.stringMatching(new RegExp(`^\\d\\S+ \\(image ${engine.images.haproxy}, `)) as string,
    });
    expect(types.get('nginx-docker')).toMatchObject({
      available: false,
      reason: expect.stringMatching(/no-such-image:1: load it .*--nginx-image/) as string,
    });
  });
});

describe.runIf(requirePrograms(...proxyPackages))('s2cs --check with the programs installed', () => {
  it('tells the version of each', async () => {
    const types = await checkJson(noEngine);
    for (const name of ['haproxy-process', 'nginx-process', 'stunnel-process']) {
      expect(types.get(name)).toMatchObject({ available: true, version: expect.stringMatching(/^\d+\.\d+/) as string });
    }
  });
});

describe('the name of a data server type', () => {
  it('R9 that is mistyped is refused at start-up, and the known names are told', async () => {
    const known = (await documented()).flat().join(', ');
    const stateDir = path.join(await temporaryDir(), 'state');
    const args = ['--port', '0', '--port-range', '0', '--state-dir', stateDir, '-t', 'Haprxy'];
    const says = new RegExp(`Haprxy"? is not a data server type; known are ${known}\\.`);
    await failsInOneSentence('s2cs', args, { code: 2, says });
    await failsInOneSentence('s2cs', [...args, '--check'], { code: 2, says });
  });

  it('R9 is understood in any case, also that of the Python implementation', async () => {
    const types = await documented();
    expect(types.flat()).toEqual(expect.arrayContaining(['S2DS', 'Haproxy', 'DockerSock', 'Janus']));
    for (const [name = '', ...aliases] of types) {
      const outcomes = await Promise.all(
        [name, ...aliases].map((known) => check([...noEngine, '-t', inOtherCase(known)])),
      );
      for (const { stdout, stderr, code } of outcomes) {
        const ready = new RegExp(`^${name} +ready`, 'm').test(stdout);
        expect(stderr).not.toContain('is not a data server type');
        expect(code, stderr).toBe(ready ? 0 : 12);
      }
    }
  }, 60_000);

  it('R9 is told by GetFacility with engine, runner, and version or reason', async () => {
    const facility = await Facility.start([...noEngine, '--type', 'mOcK']);
    const { types, defaultType } = await facility.client().getFacility();
    expect(defaultType).toBe('mock');
    const checked = await checkJson(noEngine);
    expect(types.map(({ name, aliases, engine, runner }) => ({ name, aliases, engine, runner }))).toEqual(
      [...checked.values()].map(({ name, aliases, engine, runner }) => ({ name, aliases, engine, runner })),
    );
    for (const { name, available, programVersion, reason } of types) {
      const found = checked.get(name);
      expect({ available, programVersion, reason }).toEqual({
        available: found?.available,
        programVersion: found?.available === true ? (found.version ?? '') : '',
        reason: found?.available === false ? found.reason : '',
      });
    }
  });
});
