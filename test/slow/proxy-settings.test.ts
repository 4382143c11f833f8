import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Facility, temporaryDir } from '../support/facility.js';
import { proxyPackages } from '../support/processes.js';
import { run } from '../support/program.js';
import { filesWith, placesIn, programsIn } from '../support/proxy-programs.js';
import { requirePrograms } from '../support/requires.js';
import { echo, exchange } from '../support/tcp.js';
import { first } from '../support/v1.js';
import { at, failsInOneSentence, session, succeedsWithJson } from '../cli/commands.js';

const templates = 'src/data/engines/proxy/templates';
const installed = requirePrograms(...proxyPackages);

/** A folder with our template of HAProxy, changed. */
async function templateDir(change: (text: string) => string): Promise<string> {
  const dir = await temporaryDir();
  await writeFile(`${dir}/haproxy.cfg.j2`, change(await readFile(`${templates}/haproxy.cfg.j2`, 'utf8')));
  return dir;
}

/** Opens the producer's end for an application and answers its listener. */
async function open(facility: Facility, address: string): Promise<string> {
  const { listeners } = await succeedsWithJson(session, 's2uc', inboundRequest(facility, address));
  return first(listeners);
}

function inboundRequest(facility: Facility, address: string): string[] {
  const [host = '', port = ''] = address.split(':');
  return ['inbound-request', ...at(facility), '--remote-ip', host, '--receiver-ports', port];
}

/** What a start needs that is not to happen. */
async function unstarted(): Promise<string[]> {
  return ['--port', '0', '--port-range', '0', '--state-dir', path.join(await temporaryDir(), 'state')];
}

describe.runIf(installed)("an operator's own template", () => {
  it('is used in place of ours, while the others stay ours', async () => {
    const change = (text: string) => `# of this site\n${text.replace('timeout connect 10s', 'timeout connect 3s')}`;
    const own = ['--template-dir', await templateDir(change)];
    const facility = await Facility.start(['-t', 'haproxy-process', ...own]);
    const application = await echo();
    expect(await exchange(await open(facility, application.address), 'through it')).toBe('through it');
    const [place = ''] = await placesIn(facility.stateDir);
    const rendered = await readFile(`${place}/haproxy.cfg`, 'utf8');
    expect(rendered).toMatch(/^# of this site\n/);
    expect(rendered).toMatch(/^ {2}timeout connect 3s$/m);
    const other = await Facility.start(['-t', 'nginx-process', ...own]);
    expect(await exchange(await open(other, application.address), 'and ours')).toBe('and ours');
  });

  it.each([
    [
      'a value that does not exist',
      (text: string) => `${text}  # {{ siteName }}\n`,
      /haproxy\.cfg\.j2 cannot be rendered: line \d+: it asks for a value that does not exist; those that do are .*streams/,
    ],
    [
      'nothing that Jinja2 knows',
      (text: string) => `${text}{% for stream in streams %}\n`,
      /haproxy\.cfg\.j2 cannot be rendered: .*unexpected end of file/,
    ],
    [
      'what HAProxy does not know',
      (text: string) => `${text}nonsense here\n`,
      /haproxy does not accept its configuration: .*nonsense/,
    ],
  ])('that asks for %s is told of in one sentence, and leaves nothing', async (_, change, says) => {
    const facility = await Facility.start(['-t', 'haproxy-process', '--template-dir', await templateDir(change)]);
    await failsInOneSentence('s2uc', inboundRequest(facility, '127.0.0.1:7000'), { code: 1, says });
    await facility.holdsNothing();
    expect(await placesIn(facility.stateDir)).toEqual([]);
  });

  it('that has gone bad costs a session that is open only the update', async () => {
    const dir = await templateDir((text) => text);
    const facility = await Facility.start(['-t', 'haproxy-process', '--template-dir', dir]);
    const listener = await open(facility, (await echo()).address);
    await writeFile(`${dir}/haproxy.cfg.j2`, '{{ siteName }}');
    const { uid } = first(await facility.client().listSessions());
    await failsInOneSentence('s2uc', ['update', uid, ...at(facility), '--targets', '127.0.0.1:7000'], {
      code: 1,
      says: /line 1: it asks for a value that does not exist/,
    });
    expect(await exchange(listener, 'as before')).toBe('as before');
    await copyFile(`${templates}/haproxy.cfg.j2`, `${dir}/haproxy.cfg.j2`);
    expect((await facility.client().getSession(uid)).state).toBe('active');
  });

  it('is missed at start-up when its folder is not there', async () => {
    const args = [...(await unstarted()), '--template-dir', '/no/such/folder'];
    const failure = { code: 2, says: /Cannot read --template-dir \/no\/such\/folder: / };
    await failsInOneSentence('s2cs', args, failure);
    await failsInOneSentence('s2cs', [...args, '--check'], failure);
  });
});

describe('settings of runners', () => {
  it('are taken from the environment', async () => {
    const env = { SCISTREAM_S2CS_DOCKER_HOST: 'tcp://127.0.0.1:1' };
    const { stdout } = await run('s2cs', [...(await unstarted()), '--check'], { env });
    expect(stdout).toMatch(/^haproxy-docker +No Docker Engine answers at tcp:\/\/127\.0\.0\.1:1: /m);
    const flag = ['--docker-host', 'tcp://127.0.0.1:2'];
    expect((await run('s2cs', [...(await unstarted()), '--check', ...flag], { env })).stdout).toContain('127.0.0.1:2:');
  });

  it('reach the data server that s2cs starts', async () => {
    const facility = await Facility.start(['--docker-host', 'tcp://127.0.0.1:1']);
    const { types } = await facility.client().getFacility();
    expect(types.find(({ name }) => name === 'nginx-docker')?.reason).toContain('tcp://127.0.0.1:1');
  });

  it.each([
    [['--docker-host', 'somewhere'], /"somewhere" is not the address of a Docker Engine; write unix:/],
    [['--haproxy-image', 'not an image'], /--haproxy-image "not an image" is not an image/],
    [['--janus-url', 'https://127.0.0.1:1'], /--janus-url needs --janus-user, .*SCISTREAM_S2CS_JANUS_PASSWORD/],
    [['--janus-url', 'https://me:secret@127.0.0.1:1'], /do not belong in the URL; give --janus-user/],
    [['--janus-url', 'janus.example'], /"janus\.example" is not a URL such as https:/],
    [['--janus-volume', 'relative'], /janus-volume: "relative" is not FOLDER:PATH/],
  ])('that cannot be meant are refused in one sentence: %j', async (args, says) => {
    const all = [...(await unstarted()), ...args];
    const { stderr } = await failsInOneSentence('s2cs', all, { code: 2, says });
    expect(stderr).not.toContain('secret');
    await failsInOneSentence('s2cs', [...all, '--check'], { code: 2, says });
  });

  it('of Janus are missed one by one', async () => {
    const janus = ['--janus-url', 'https://127.0.0.1:1', '--janus-user', 'me', '--janus-instance', 'node'];
    const complete = [...janus, '--janus-volume', '/tmp:/data'];
    const env = { SCISTREAM_S2CS_JANUS_PASSWORD: 'open sesame' };
    const failure = { code: 2, says: /--janus-url needs / };
    await failsInOneSentence('s2cs', [...(await unstarted()), ...janus], failure, { env });
    await failsInOneSentence('s2cs', [...(await unstarted()), ...complete], failure);
    await failsInOneSentence('s2cs', [...(await unstarted()), ...complete], failure, {
      env: { SCISTREAM_S2CS_JANUS_PASSWORD: '' },
    });
    const file = [...complete, '--janus-ca', '/no/such.pem'];
    const noFile = { code: 2, says: /Cannot read --janus-ca \/no\/such\.pem/ };
    await failsInOneSentence('s2cs', [...(await unstarted()), ...file], noFile, { env });
    const { stdout } = await run('s2cs', [...(await unstarted()), ...complete, '--check'], { env });
    expect(stdout).toMatch(/^haproxy-janus +.*127\.0\.0\.1:1/m);
  });
});

describe.runIf(installed)('the password of Janus', () => {
  it('S7 is in no argument, no log, no file and no answer, and no proxy gets it', async () => {
    const password = 'open-sesame-4711';
    const volume = await temporaryDir();
    const janus = ['--janus-url', 'https://127.0.0.1:1', '--janus-user', 'me', '--janus-instance', 'node'];
    const args = ['-t', 'haproxy-process', ...janus, '--janus-volume', volume, '--verbose'];
    const facility = await Facility.start(args, undefined, { SCISTREAM_S2CS_JANUS_PASSWORD: password });
    const { program, stateDir } = facility;
    expect(await exchange(await open(facility, (await echo()).address), 'through it')).toBe('through it');

    const proxies = await programsIn(stateDir);
    expect(proxies).toHaveLength(1);
    const { pid: agent } = await facility.agent().info({});
    for (const pid of [program.process.pid ?? 0, agent, ...proxies]) {
      expect(await readFile(`/proc/${pid}/cmdline`, 'latin1')).not.toContain(password);
    }
    for (const pid of proxies) {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1');
      expect(environment).not.toContain('SCISTREAM_');
      expect(environment).not.toContain(password);
    }
    // So the proxy could have got it.
    expect(await readFile(`/proc/${agent}/environ`, 'latin1')).toContain(password);
    expect(await filesWith(stateDir, [password])).toEqual([]);
    const { code, stderr } = await program.kill('SIGTERM');
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain(password);
  });
});
